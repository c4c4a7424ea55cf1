"""The order of things: the stages of ``tts.sh`` with the plugin's steps between."""

import logging
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from espnet_prodiff.errors import UserError
from espnet_prodiff.recipe import (
    plugin_steps,
    stages_data,
    stages_decode,
    stages_train,
    upstream,
)
from espnet_prodiff.recipe.naming import packed_model
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.stage_tokens import make_token_list

log = logging.getLogger("recipe")

TITLES = {
    1: "prepare the data",
    2: "format the audio",
    3: "speaker and language inputs",
    4: "filter the training data",
    5: "token list",
    6: "statistics",
    7: "training",
    8: "decoding",
    9: "VERSA scoring",
    10: "packing",
    11: "upload",
}
OURS: dict[int, Callable[[Options], None]] = {
    1: stages_data.prepare_data,
    2: stages_data.format_audio,
    3: stages_data.prepare_ids,
    4: stages_data.filter_data,
    5: make_token_list,
    6: stages_train.collect_stats,
    7: stages_train.train,
    8: stages_decode.decode,
    10: stages_decode.pack,
}


def selected(o: Options) -> list[int]:
    """The stages that the options ask for."""
    skipped: set[int] = set()
    skipped |= set(range(1, 6)) if o.skip_data_prep else set()
    skipped |= {6, 7} if o.skip_train else set()
    skipped |= {8} if o.skip_eval else set()
    skipped |= {9} if o.skip_scoring else set()
    skipped |= {10} if o.skip_packing or o.download_model else set()
    skipped |= {11} if o.skip_upload_hf else set()
    return [n for n in TITLES if o.stage <= n <= o.stop_stage and n not in skipped]


def run(o: Options) -> None:
    """Run the selected stages.

    Args:
        o: Options with all names resolved.

    Raises:
        UserError: A stage failed; the message says which and how to go on.
    """
    o = plugin_steps.with_durations(o)
    checkout = os.environ.get("ESPNET_ROOT", "")
    if checkout:
        upstream.link(Path(checkout))
    for number in selected(o):
        log.info("stage %d: %s", number, TITLES[number])
        try:
            _run_stage(o, number, bool(checkout))
        except UserError as e:
            raise UserError(
                f"stage {number} ({TITLES[number]}) failed\n{e}\n"
                f"What is done stays; go on with: {_again(number)}"
            ) from None
    _tell_results(o)


def _run_stage(o: Options, number: int, with_checkout: bool) -> None:
    def stage(options: Options) -> None:
        if with_checkout and not upstream.is_ours(options, number):
            upstream.run_stage(options, number)
        elif number in OURS:
            OURS[number](options)
        else:
            raise UserError(
                "this stage is only in ESPnet's tts.sh: set ESPNET_ROOT to a checkout"
            )

    if number == 6:
        plugin_steps.learn_durations(o)
    if number == 8 and o.download_model:
        stage(stages_decode.fetch_model(replace(o, evaluate=False, distill_steps="")))
    elif number == 8:
        for label, system in plugin_steps.systems(o).items():
            log.info("stage 8: %s (%s)", label, system.tts_exp)
            stage(system)
        if o.evaluate:
            log.info("stage 8: evaluation")
            plugin_steps.evaluate(o)
    elif number >= 9:
        stage(plugin_steps.last_student(o))
    else:
        stage(o)
    if number == 7 and o.distill_steps:
        log.info("stage 7: distillation to %s steps", o.distill_steps)
        plugin_steps.distill(o)


def _again(number: int) -> str:
    given = [a for a in sys.argv[1:]]
    if Path("run.sh").exists():
        return f"./run.sh --stage {number}"
    return shlex.join(
        ["python3", "-m", "espnet_prodiff.recipe", *given, "--stage", str(number)]
    )


def _tell_results(o: Options) -> None:
    """Say where the results are, as far as these stages made them."""
    ran = selected(o)
    if 8 in ran and not o.download_model:
        for label, s in plugin_steps.systems(o).items():
            log.info("speech of %s: %s/%s", label, s.tts_exp, s.inference_tag)
    last = plugin_steps.last_student(o)
    if 8 in ran and o.evaluate:
        log.info("results: %s/results", last.tts_exp)
    if 10 in ran:
        log.info("packed model: %s", packed_model(last))
