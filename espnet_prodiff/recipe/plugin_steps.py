"""What the plugin does between the stages: durations, distillation, evaluation."""

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.recipe import naming
from espnet_prodiff.recipe.jobs import plugin, run_shown
from espnet_prodiff.recipe.options import Options


def with_durations(o: Options) -> Options:
    """Point ``teacher_dumpdir`` at the durations that this recipe learns."""
    if o.durations == "learned" and not o.teacher_dumpdir:
        return replace(o, teacher_dumpdir=f"{o.dumpdir}/durations")
    return o


def lacking_durations(o: Options) -> list[str]:
    """Utterances without durations, as ``set/utterance``."""
    lacking = []
    for name in o.sets:
        file = Path(o.teacher_dumpdir) / name / "durations"
        known = read_table(file) if file.exists() else {}
        utterances = read_table(o.data_feats / name / "text")
        lacking += [f"{name}/{u}" for u in utterances if u not in known]
    return lacking


def learn_durations(o: Options) -> None:
    """Before stage 6: train the aligner and write ``durations``, unless they exist.

    Raises:
        UserError: Durations were promised (``given``) and are not complete.
    """
    if not o.teacher_dumpdir:
        return
    lacking = lacking_durations(replace(o, test_sets=o.valid_set))
    if o.durations != "learned":
        if lacking:
            raise UserError(
                f"{o.teacher_dumpdir}/<set>/durations lacks {len(lacking)} utterances, "
                f"first {lacking[0]}; expected a line 'utterance d1 d2 ...' for each "
                "(or use --durations learned)"
            )
        return
    if not lacking and not lacking_durations(o):
        return
    train, *others = (str(o.data_feats / name) for name in o.sets)
    bpe = []
    if o.token_type == "bpe":
        bpe = ["--bpemodel", str(naming.bpe_model(o))]
    run_shown(
        [
            *plugin("bin.align"), "--train_dir", train, "--data_dirs", *others,
            "--token_list", str(naming.token_list(o)), "--token_type", o.token_type,
            "--cleaner", o.cleaner, "--g2p", o.g2p, *bpe,
            "--fs", str(o.sampling_rate), "--n_fft", str(o.n_fft),
            "--n_shift", str(o.n_shift), "--win_length", o.win_length,
            "--fmin", o.fmin, "--fmax", o.fmax, "--n_mels", str(o.n_mels),
            "--ngpu", str(min(o.ngpu, 1)), "--output_dir", o.teacher_dumpdir,
            *shlex.split(o.align_args),
        ]
    )  # fmt: skip


def steps(o: Options) -> list[int]:
    """The step counts of the students, in the order of their training."""
    return [int(s) for s in o.distill_steps.split()]


def student(o: Options, n: int) -> str:
    """Experiment directory of the student with ``n`` steps."""
    return f"{_prefix(o)}_steps{n}"


def _prefix(o: Options) -> str:
    return o.tts_exp + (f"_{o.distill_tag}" if o.distill_tag else "")


def distill(o: Options) -> None:
    """After stage 7: train the students, one experiment directory each."""
    run_shown(
        [
            *plugin("bin.distill"),
            "--teacher_model_file", f"{o.tts_exp}/{o.inference_model}",
            "--num_steps", *map(str, steps(o)), "--output_prefix", _prefix(o),
            "--model_file", o.inference_model, "--config", o.distill_config,
            "--ngpu", str(o.ngpu), *shlex.split(o.distill_args),
        ]
    )  # fmt: skip


def systems(o: Options) -> dict[str, Options]:
    """What stage 8 decodes: the model, it at each student's steps, each student."""
    alone = replace(o, distill_steps="", evaluate=False)
    own = _own_steps(o)
    label = "teacher" if steps(o) else "model"
    found = {f"{label}, {_count(own)}" if own else label: alone}
    for n in dict.fromkeys([*_first_steps(o), *steps(o)]):
        if n != own:
            found[f"teacher, {_count(n)}"] = naming.at_steps(alone, n, o.tts_exp)
    name = f"student {o.distill_tag}".strip()
    for n in steps(o):
        found[f"{name}, {_count(n)}"] = naming.at_steps(alone, n, student(o, n))
    return found


def _first_steps(o: Options) -> list[int]:
    """Steps that the first teacher is sampled with, where the config says so."""
    if not steps(o) or not Path(o.distill_config).is_file():
        return []  # stage 7 will say so
    from espnet_prodiff.fileio.config import read_config

    given = read_config(Path(o.distill_config)).get("teacher_num_steps")
    return [given] if given else []


def last_student(o: Options) -> Options:
    """Options of the model that stage 10 packs."""
    return list(systems(o).values())[-1]


def evaluate(o: Options) -> None:
    """After stage 8: table and pictures in the last model's ``results``."""
    sets = list(dict.fromkeys(o.test_sets.split()))
    results = Path(last_student(o).tts_exp) / "results"
    for name in sets:
        command = [
            *plugin("bin.evaluate"), "--data_dir", str(o.data_feats / name),
            "--train_config", str(Path(o.tts_exp) / "config.yaml"),
            "--output_dir", str(results if len(sets) == 1 else results / name),
        ]  # fmt: skip
        if o.teacher_dumpdir:
            durations = Path(o.teacher_dumpdir) / name / "durations"
            command += ["--durations", str(durations)]
        # A vocoder's stage 8 resynthesises the recordings.
        kind = "--resynthesis" if _is_vocoder(o) else "--system"
        for label, s in systems(o).items():
            command += [kind, f"{label}={_decoded(s, name)}"]
            command += ["--model", f"{label}={_model(s)}"]
        run_shown([*command, *shlex.split(o.evaluate_args)])


def _decoded(o: Options, name: str) -> Path:
    return Path(o.tts_exp) / o.inference_tag / name


def _model(o: Options) -> str:
    """The model file and, as far as it is known, its number of steps."""
    given = re.findall(r"--num_steps[ =](\d+)", o.inference_args)
    n = given[-1] if given else _own_steps(o)
    return f"{Path(o.tts_exp) / o.inference_model}" + (f":{n}" if n else "")


def _trained_config(o: Options) -> dict[str, Any]:
    """The config that the training wrote; empty before that."""
    config = Path(o.tts_exp) / "config.yaml"
    return yaml.safe_load(config.read_text(encoding="utf-8")) if config.exists() else {}


def _is_vocoder(o: Options) -> bool:
    config = _trained_config(o)
    given = config.get("tts_conf", {}).get("conditioning", "mel")
    return config.get("tts") == "diffwave" and given == "mel"


def _own_steps(o: Options) -> int:
    """The model's own step count, as far as its configuration tells, or 0."""
    options = _trained_config(o)
    if not options:
        return 0
    from espnet_prodiff.training.registry import CLASSES

    if options.get("tts") in CLASSES:
        return CLASSES[options["tts"]].num_steps_of(options["tts_conf"])
    return options["tts_conf"].get("diffusion_steps") or 0  # ESPnet's built-in prodiff


def _count(n: int) -> str:
    return f"{n} step" if n == 1 else f"{n} steps"
