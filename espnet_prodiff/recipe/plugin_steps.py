"""The plugin's steps between the stages: durations, distillation, evaluation."""

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.config import read_config
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.fileio.yaml_files import read_yaml
from espnet_prodiff.recipe import naming
from espnet_prodiff.recipe.espnet_options import tokenizer_options
from espnet_prodiff.recipe.jobs import plugin, run_shown
from espnet_prodiff.recipe.options import Options


def with_durations(options: Options) -> Options:
    """Point ``teacher_dumpdir`` at the durations that this recipe learns."""
    if options.durations == "learned" and not options.teacher_dumpdir:
        return replace(options, teacher_dumpdir=f"{options.dumpdir}/durations")
    return options


def missing_durations(options: Options) -> list[str]:
    """Return the utterances without durations, as ``set/utterance``."""
    missing = []
    for name in options.sets:
        file = Path(options.teacher_dumpdir) / name / "durations"
        durations = read_table(file) if file.exists() else {}
        utterances = read_table(options.data_feats / name / "text")
        missing += [f"{name}/{u}" for u in utterances if u not in durations]
    return missing


def learn_durations(options: Options) -> None:
    """Before stage 6: train the aligner and write ``durations``, unless they exist.

    Raises:
        UserError: ``teacher_dumpdir`` is the user's and lacks some.
    """
    if not options.teacher_dumpdir:
        return
    missing = missing_durations(replace(options, test_sets=options.valid_set))
    is_learned = options.durations == "learned"
    if missing and not is_learned:
        raise UserError(
            f"{options.teacher_dumpdir}/<set>/durations lacks {len(missing)} "
            f"utterances, first {missing[0]}; expected a line "
            "'utterance d1 d2 ...' for each (or use --durations learned)"
        )
    if not is_learned or not missing_durations(options):
        return
    train, *others = (str(options.data_feats / name) for name in options.sets)
    run_shown(
        [
            *plugin("bin.align"), "--train_dir", train, "--data_dirs", *others,
            "--token_list", str(naming.token_list(options)),
            *tokenizer_options(options),
            "--fs", str(options.sampling_rate), "--n_fft", str(options.n_fft),
            "--n_shift", str(options.n_shift), "--win_length", options.win_length,
            "--fmin", options.fmin, "--fmax", options.fmax,
            "--n_mels", str(options.n_mels), "--ngpu", str(min(options.ngpu, 1)),
            "--output_dir", options.teacher_dumpdir,
            *shlex.split(options.align_args),
        ]
    )  # fmt: skip


def _student_prefix(options: Options) -> str:
    return options.tts_exp + (f"_{options.distill_tag}" if options.distill_tag else "")


def distill(options: Options) -> None:
    """After stage 7: train the students, one experiment directory each."""
    run_shown(
        [
            *plugin("bin.distill"), "--config", options.distill_config,
            "--teacher_model_file", f"{options.tts_exp}/{options.inference_model}",
            "--num_steps", *options.distill_steps.split(),
            "--output_prefix", _student_prefix(options),
            "--model_file", options.inference_model,
            "--ngpu", str(options.ngpu), *shlex.split(options.distill_args),
        ]
    )  # fmt: skip


def systems(options: Options) -> dict[str, Options]:
    """Return the options of everything that stage 8 decodes, by its label.

    They are the model with its own steps, the model with the steps of each student, and
    each student.
    """
    alone = replace(options, distill_steps="", evaluate=False)
    steps = [int(n) for n in options.distill_steps.split()]
    default = _default_steps(options)
    label = "teacher" if steps else "model"
    decoded = {f"{label}, {_count(default)}" if default else label: alone}
    for n in [*_first_steps(options), *steps]:
        if n != default:
            system = naming.at_steps(alone, n, options.tts_exp)
            decoded[f"teacher, {_count(n)}"] = system
    student = f"student {options.distill_tag}".strip()
    for n in steps:
        exp = f"{_student_prefix(options)}_steps{n}"
        decoded[f"{student}, {_count(n)}"] = naming.at_steps(alone, n, exp)
    return decoded


def _first_steps(options: Options) -> list[int]:
    """Return the first teacher's steps in the config; stage 7 reports a missing one."""
    if not options.distill_steps or not Path(options.distill_config).is_file():
        return []
    num_steps = read_config(options.distill_config).get("teacher_num_steps")
    return [num_steps] if num_steps else []


def last_student(options: Options) -> Options:
    """Return the options of the last student, or of the model without students."""
    return list(systems(options).values())[-1]


def evaluate(options: Options) -> None:
    """After stage 8: table and plots in the last model's ``results``."""
    sets = list(dict.fromkeys(options.test_sets.split()))
    config = _trained_config(options)
    conditioning = config.get("tts_conf", {}).get("conditioning", "mel")
    # A vocoder's stage 8 resynthesises the recordings.
    vocoders = ("diffwave", "spectral_vocoder")
    is_vocoder = config.get("tts") in vocoders and conditioning == "mel"
    results = Path(last_student(options).tts_exp) / "results"
    for name in sets:
        command = [
            *plugin("bin.evaluate"), "--data_dir", str(options.data_feats / name),
            "--train_config", str(Path(options.tts_exp) / "config.yaml"),
            "--output_dir", str(results if len(sets) == 1 else results / name),
        ]  # fmt: skip
        if options.teacher_dumpdir:
            durations = Path(options.teacher_dumpdir) / name / "durations"
            command += ["--durations", str(durations)]
        for label, system in systems(options).items():
            decoded = Path(system.tts_exp) / system.inference_tag / name
            kind = "--resynthesis" if is_vocoder else "--system"
            command += [kind, f"{label}={decoded}"]
            command += ["--model", f"{label}={_model_and_steps(system)}"]
        run_shown([*command, *shlex.split(options.evaluate_args)])


def _model_and_steps(options: Options) -> str:
    """Return ``model_file:num_steps``, without the steps where nothing tells them."""
    overrides = re.findall(r"--num_steps[ =](\d+)", options.inference_args)
    num_steps = overrides[-1] if overrides else _default_steps(options)
    model_file = Path(options.tts_exp) / options.inference_model
    return f"{model_file}:{num_steps}" if num_steps else str(model_file)


def _trained_config(options: Options) -> dict[str, Any]:
    """Return the config that the training wrote; empty before that."""
    config = Path(options.tts_exp) / "config.yaml"
    return read_yaml(config, "training config") if config.exists() else {}


def _default_steps(options: Options) -> int:
    """Return the model's default step count; 0 where its config does not tell it."""
    config = _trained_config(options)
    if not config:
        return 0
    from espnet_prodiff.training.registry import CLASSES  # ESPnet takes seconds

    if config.get("tts") in CLASSES:
        return CLASSES[config["tts"]].num_steps_of(config["tts_conf"])
    return config["tts_conf"].get("diffusion_steps") or 0  # ESPnet's built-in prodiff


def _count(n: int) -> str:
    return f"{n} step" if n == 1 else f"{n} steps"
