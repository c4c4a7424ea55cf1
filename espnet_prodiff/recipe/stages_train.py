"""Stages 6 and 7: statistics and training, with the arguments of ``tts.sh``."""

import shlex
import shutil
from pathlib import Path

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.tables import read_table, write_table
from espnet_prodiff.recipe import data_dir, naming
from espnet_prodiff.recipe.espnet_options import (
    conf,
    duration_inputs,
    energy_extract,
    feats_extract,
    inputs,
    pitch_extract,
    side_inputs,
    speech_type,
    text_options,
)
from espnet_prodiff.recipe.jobs import (
    RUN_JOB,
    Job,
    Progress,
    Status,
    count_lines,
    espnet,
    run_jobs,
    run_shown,
    write_run_script,
)
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.training_log import TrainingLog


def collect_stats(options: Options) -> None:
    """Stage 6: shapes of every utterance, mean and variance of the features."""
    stats = Path(options.tts_stats_dir)
    logs = stats / "logdir"
    shutil.rmtree(logs, ignore_errors=True)
    sets = {k: options.data_feats / s for k, s in options.training_sets.items()}
    sizes = {k: len(read_table(d / "wav.scp")) for k, d in sets.items()}
    numbers = range(1, min(options.nj, *sizes.values()) + 1)
    arguments = [
        *_config(options), *feats_extract(options),
        *pitch_extract(options), *energy_extract(options),
    ]  # fmt: skip
    for kind, directory in sets.items():
        keys = [logs / f"{kind}.{n}.scp" for n in numbers]
        data_dir.split_table(directory / "wav.scp", keys)
        arguments += inputs(kind, directory / "text", "text", "text")
        arguments += inputs(kind, directory / "wav.scp", "speech", speech_type(options))
        arguments += duration_inputs(options, kind, directory.name)
        arguments += side_inputs(options, kind, directory.name)
    write_run_script(stats, options, 6)
    jobs, outputs = [], [logs / f"stats.{n}" for n in numbers]
    for n, out in zip(numbers, outputs, strict=True):
        command = [
            *espnet(options, f"{options.tts_task}_train"), "--collect_stats", "true",
            "--write_collected_feats", str(options.write_collected_feats).lower(),
            *text_options(options), "--normalize", "none", "--pitch_normalize", "none",
            "--energy_normalize", "none",
            "--train_shape_file", str(logs / f"train.{n}.scp"),
            "--valid_shape_file", str(logs / f"valid.{n}.scp"),
            "--output_dir", str(out), *arguments, *_more(options),
        ]  # fmt: skip
        jobs.append(Job(command, logs / f"stats.{n}.log"))
    shapes = [out / k / "text_shape" for out in outputs for k in sets]
    total = sum(sizes.values())
    title = "stage 6: statistics"
    bar = Progress(title, "utt", lambda: Status(count_lines(shapes), total))
    run_jobs(jobs, bar, single=True)
    command = espnet(options, "aggregate_stats_dirs")
    for out in outputs:
        command += ["--input_dir", str(out)]
    if options.feats_normalize != "global_mvn":
        command += ["--skip_sum_stats"]
    run_shown([*command, "--output_dir", str(stats)])
    n_tokens = len(naming.token_list(options).read_text(encoding="utf-8").splitlines())
    for kind in sets:
        # The number of tokens is what ESPnet's batch bins count by.
        shape = stats / kind / "text_shape"
        lengths = read_table(shape)
        sized = {u: f"{n},{n_tokens}" for u, n in lengths.items()}
        write_table(shape.with_name(f"text_shape.{options.token_type}"), sized)


def train(options: Options) -> None:
    """Stage 7: train, or go on training, in ``tts_exp``."""
    if options.num_nodes > 1:
        raise UserError(
            f"--num_nodes is {options.num_nodes}: several machines need a scheduler's "
            "script (cmd.sh), set ESPNET_ROOT and run the same command"
        )
    stats, exp = Path(options.tts_stats_dir), Path(options.tts_exp)
    arguments, fold = _training_inputs(options)
    for name in ("pitch", "energy"):
        if (stats / "train" / "collect_feats" / f"{name}.scp").exists():
            for kind in ("train", "valid"):
                collected = stats / kind / "collect_feats" / f"{name}.scp"
                arguments += inputs(kind, collected, name, "npy")
    for name, extract in (("pitch", pitch_extract), ("energy", energy_extract)):
        file = stats / "train" / f"{name}_stats.npz"
        if file.exists():
            arguments += extract(options)
            arguments += conf(f"{name}_normalize_conf", stats_file=file)
    for kind, name in options.training_sets.items():
        arguments += side_inputs(options, kind, name)
    if options.feats_normalize == "global_mvn":
        file = stats / "train" / "feats_stats.npz"
        arguments += conf("normalize_conf", stats_file=file)
    write_run_script(exp, options, 7)
    run_job = shlex.join(RUN_JOB)
    command = [
        *espnet(options, "launch"), "--cmd", f"{run_job} --name {exp / 'train.log'}",
        "--log", str(exp / "train.log"), "--ngpu", str(options.ngpu),
        "--num_nodes", "1", "--init_file_prefix", str(exp / ".dist_init_"),
        "--multiprocessing_distributed", "true", "--",
        *espnet(options, f"{options.tts_task}_train"), *text_options(options),
        "--normalize", options.feats_normalize, "--resume", "true",
        "--fold_length", str(options.text_fold_length), "--fold_length", str(fold),
        "--output_dir", str(exp), *_config(options), *arguments,
        *_more(options),
    ]  # fmt: skip
    bar = Progress("stage 7: training", "epoch", TrainingLog(exp).read)
    job = Job(command, exp / "launch.log", inner=exp / "train.log")
    run_jobs([job], bar, single=False)
    (exp / "launch.log").unlink()


def _training_inputs(options: Options) -> tuple[list[str], int]:
    """Return inputs and shapes, and the fold length of the speech."""
    stats, text_shape = Path(options.tts_stats_dir), f"text_shape.{options.token_type}"
    teacher, fold = Path(options.teacher_dumpdir), options.speech_fold_length
    # An autoregressive teacher's output is the target where there are ``probs``.
    is_distilled = bool(options.teacher_dumpdir)
    is_distilled &= (teacher / options.train_set / "probs").exists()
    if is_distilled:
        sizes = read_table(teacher / options.train_set / "speech_shape")
        arguments = [f"--odim={next(iter(sizes.values())).split(',')[1]}"]
    else:
        arguments, fold = feats_extract(options), fold * options.n_shift
    for kind, name in options.training_sets.items():
        data, shapes = options.data_feats / name, stats / kind
        if kind == "train" and options.num_splits > 1 and not options.teacher_dumpdir:
            data = shapes = _split_lists(options)
            arguments += ["--multiple_iterator", "true"]
        speech, form = data / "wav.scp", speech_type(options)
        speech_shape = shapes / "speech_shape"
        if is_distilled:
            speech, form = teacher / name / "denorm" / "feats.scp", "npy"
            speech_shape = teacher / name / "speech_shape"
        arguments += inputs(kind, data / "text", "text", "text")
        arguments += duration_inputs(options, kind, name)
        arguments += inputs(kind, speech, "speech", form)
        arguments += [f"--{kind}_shape_file", str(shapes / text_shape)]
        arguments += [f"--{kind}_shape_file", str(speech_shape)]
    return arguments, fold


def _split_lists(options: Options) -> Path:
    out = Path(options.tts_stats_dir) / f"splits{options.num_splits}"
    data = options.data_feats / options.train_set
    shapes = Path(options.tts_stats_dir) / "train"
    lists = [data / "text", data / "wav.scp", shapes / "speech_shape"]
    lists.append(shapes / f"text_shape.{options.token_type}")
    if not (out / ".done").exists():
        run_shown(
            [
                *espnet(options, "split_scps"), "--scps", *map(str, lists),
                "--num_splits", str(options.num_splits), "--output_dir", str(out),
            ]
        )  # fmt: skip
        (out / ".done").touch()
    return out


def _config(options: Options) -> list[str]:
    return ["--config", options.train_config] if options.train_config else []


def _more(options: Options) -> list[str]:
    start = ["--from", options.from_voice] if options.from_voice else []
    return [*start, *shlex.split(options.train_args)]
