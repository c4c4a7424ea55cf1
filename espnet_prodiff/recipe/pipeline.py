"""The stages of ``tts.sh`` in their order, with the plugin's steps between."""

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
    sharing,
    stages_data,
    stages_decode,
    stages_pack,
    stages_train,
    upstream,
)
from espnet_prodiff.recipe.naming import packed_model
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.stage_tokens import make_token_list

log = logging.getLogger("recipe")

# By number the title and, of those that are not only in tts.sh, the function.
STAGES: dict[int, tuple[str, Callable[[Options], None] | None]] = {
    1: ("prepare the data", stages_data.prepare_data),
    2: ("format the audio", stages_data.format_audio),
    3: ("speaker and language inputs", stages_data.prepare_ids),
    4: ("filter the training data", stages_data.filter_data),
    5: ("token list", make_token_list),
    6: ("statistics", stages_train.collect_stats),
    7: ("training", stages_train.train),
    8: ("decoding", stages_decode.decode),
    9: ("VERSA scoring", None),
    10: ("packing", stages_pack.pack),
    11: ("upload", sharing.upload),
}


def selected(options: Options) -> list[int]:
    """Return the numbers of the stages that the options ask for."""
    skipped: set[int] = set()
    skipped |= set(range(1, 6)) if options.skip_data_prep else set()
    skipped |= {6, 7} if options.skip_train else set()
    skipped |= {8} if options.skip_eval else set()
    skipped |= {9} if options.skip_scoring else set()
    skipped |= {10} if options.skip_packing or options.download_model else set()
    skipped |= {11} if options.skip_upload_hf else set()
    asked = range(options.stage, options.stop_stage + 1)
    return [n for n in STAGES if n in asked and n not in skipped]


def run(options: Options, again: str = "") -> None:
    """Run the selected stages, with all names of the options resolved.

    Args:
        options: Of the recipe.
        again: The command that goes on after an error; none: the recipe's own.

    Raises:
        UserError: A stage failed; the message says which and how to go on.
    """
    options = plugin_steps.with_durations(options)
    checkout = os.environ.get("ESPNET_ROOT", "")
    if checkout and options.from_voice:
        raise UserError(
            "--from is not an option of tts.sh: unset ESPNET_ROOT, or give "
            f"--train_args '--from {options.from_voice}' and the voice's tokens, g2p "
            "and features yourself"
        )
    if checkout:
        upstream.link(Path(checkout))
    for number in selected(options):
        title, _ = STAGES[number]
        log.info("stage %d: %s", number, title)
        try:
            _run_stage(options, number, bool(checkout))
        except (UserError, FileNotFoundError) as e:
            raise UserError(
                f"stage {number} ({title}) failed\n{e}\n"
                f"Finished work stays; go on with: {again or _go_on(number)}"
            ) from None
    _log_results(options)


def _go_on(number: int) -> str:
    """Return the command that goes on with a stage."""
    command = f"python3 -m espnet_prodiff.recipe {shlex.join(sys.argv[1:])}"
    command = "./run.sh" if Path("run.sh").exists() else command
    return f"{command} --stage {number}"


def _run_stage(options: Options, number: int, with_checkout: bool) -> None:
    def stage(system: Options) -> None:
        _, run_ours = STAGES[number]
        if with_checkout and not upstream.is_ours(system, number):
            upstream.run_stage(system, number)
        elif run_ours:
            run_ours(system)
        else:
            raise UserError(
                "this stage is only in ESPnet's tts.sh: set ESPNET_ROOT to a checkout"
            )

    if number == 6:
        plugin_steps.learn_durations(options)
    if number == 8 and options.download_model:
        alone = replace(options, evaluate=False, distill_steps="")
        stage(stages_decode.fetch_model(alone))
    elif number == 8:
        for label, system in plugin_steps.systems(options).items():
            log.info("stage 8: %s (%s)", label, system.tts_exp)
            stage(system)
        if options.evaluate:
            log.info("stage 8: evaluation")
            plugin_steps.evaluate(options)
    elif number >= 9:
        stage(plugin_steps.last_student(options))
    else:
        stage(options)
    if number == 7 and options.distill_steps:
        log.info("stage 7: distillation to %s steps", options.distill_steps)
        plugin_steps.distill(options)


def _log_results(options: Options) -> None:
    """Log where the results of the selected stages are."""
    ran = selected(options)
    if 8 in ran and not options.download_model:
        for label, system in plugin_steps.systems(options).items():
            speech = f"{system.tts_exp}/{system.inference_tag}"
            log.info("speech of %s: %s", label, speech)
    last = plugin_steps.last_student(options)
    if 8 in ran and options.evaluate:
        log.info("results: %s/results", last.tts_exp)
    if 10 in ran:
        log.info("packed model: %s", packed_model(last))
