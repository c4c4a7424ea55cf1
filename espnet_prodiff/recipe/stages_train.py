"""Stages 6 and 7: statistics and training, with the arguments of ``tts.sh``."""

import shlex
import shutil
import sys
from pathlib import Path

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.tables import read_table, write_table
from espnet_prodiff.recipe import data_dir, naming
from espnet_prodiff.recipe.espnet_options import (
    conf,
    energy_extract,
    feats_extract,
    inputs,
    pitch_extract,
    side_inputs,
    speech_type,
    text_options,
)
from espnet_prodiff.recipe.jobs import (
    Job,
    Progress,
    count_lines,
    espnet,
    run_jobs,
    run_shown,
)
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.resume import write_run_script
from espnet_prodiff.recipe.training_log import TrainingProgress


def collect_stats(o: Options) -> None:
    """Stage 6: shapes of every utterance, mean and variance of the features."""
    stats = Path(o.tts_stats_dir)
    logs = stats / "logdir"
    shutil.rmtree(logs, ignore_errors=True)
    sets = {"train": o.data_feats / o.train_set, "valid": o.data_feats / o.valid_set}
    sizes = {k: len(read_table(d / "wav.scp")) for k, d in sets.items()}
    numbers = range(1, min(o.nj, *sizes.values()) + 1)
    options = _config(o) + feats_extract(o) + pitch_extract(o) + energy_extract(o)
    for kind, directory in sets.items():
        keys = [logs / f"{kind}.{n}.scp" for n in numbers]
        data_dir.split_table(directory / "wav.scp", keys)
        options += inputs(kind, directory, "text", "text", "text")
        options += inputs(kind, directory, "wav.scp", "speech", speech_type(o))
        options += _teacher_durations(o, kind, directory.name)
        for side in side_inputs(o, directory.name):
            options += inputs(kind, *side)
    write_run_script(stats, o, 6)
    jobs = []
    for n in numbers:
        out = logs / f"stats.{n}"
        command = [
            *espnet(o, f"{o.tts_task}_train"), "--collect_stats", "true",
            "--write_collected_feats", str(o.write_collected_feats).lower(),
            *text_options(o), "--normalize", "none", "--pitch_normalize", "none",
            "--energy_normalize", "none",
            "--train_shape_file", str(logs / f"train.{n}.scp"),
            "--valid_shape_file", str(logs / f"valid.{n}.scp"),
            "--output_dir", str(out), *options, *shlex.split(o.train_args),
        ]  # fmt: skip
        jobs.append(Job(command, logs / f"stats.{n}.log"))
    shapes = [logs / f"stats.{n}" / k / "text_shape" for n in numbers for k in sets]
    total = sum(sizes.values())
    bar = Progress("stage 6: statistics", total, lambda: count_lines(shapes), "utt")
    run_jobs(jobs, bar, single=True)
    _aggregate(o, [logs / f"stats.{n}" for n in numbers])


def _aggregate(o: Options, parts: list[Path]) -> None:
    command = espnet(o, "aggregate_stats_dirs")
    for part in parts:
        command += ["--input_dir", str(part)]
    if o.feats_normalize != "global_mvn":
        command += ["--skip_sum_stats"]
    run_shown([*command, "--output_dir", o.tts_stats_dir])
    n_tokens = len(naming.token_list(o).read_text(encoding="utf-8").splitlines())
    for kind in ("train", "valid"):
        # The number of tokens is what ESPnet's batch bins count by.
        shape = Path(o.tts_stats_dir) / kind / "text_shape"
        lengths = read_table(shape)
        sized = {u: f"{n},{n_tokens}" for u, n in lengths.items()}
        write_table(shape.with_name(f"text_shape.{o.token_type}"), sized)


def train(o: Options) -> None:
    """Stage 7: train, or go on training, in ``tts_exp``."""
    if o.num_nodes > 1:
        raise UserError(
            f"--num_nodes is {o.num_nodes}: several machines need a scheduler's script "
            "(cmd.sh), set ESPNET_ROOT and run the same command"
        )
    stats, exp = Path(o.tts_stats_dir), Path(o.tts_exp)
    options, fold = _training_inputs(o)
    for name in ("pitch", "energy"):
        if (stats / "train" / "collect_feats" / f"{name}.scp").exists():
            for kind in ("train", "valid"):
                collected = stats / kind / "collect_feats"
                options += inputs(kind, collected, f"{name}.scp", name, "npy")
    for name, extract in (
        ("pitch", pitch_extract),
        ("energy", energy_extract),
    ):
        file = stats / "train" / f"{name}_stats.npz"
        if file.exists():
            options += extract(o) + conf(f"{name}_normalize_conf", stats_file=file)
    for kind, name in (("train", o.train_set), ("valid", o.valid_set)):
        for side in side_inputs(o, name):
            options += inputs(kind, *side)
    if o.feats_normalize == "global_mvn":
        file = stats / "train" / "feats_stats.npz"
        options += conf("normalize_conf", stats_file=file)
    write_run_script(exp, o, 7)
    run_job = f"{shlex.quote(sys.executable)} -m espnet_prodiff.recipe.run_job"
    command = [
        *espnet(o, "launch"), "--cmd", f"{run_job} --name {exp / 'train.log'}",
        "--log", str(exp / "train.log"), "--ngpu", str(o.ngpu), "--num_nodes", "1",
        "--init_file_prefix", str(exp / ".dist_init_"),
        "--multiprocessing_distributed", "true", "--",
        *espnet(o, f"{o.tts_task}_train"), *text_options(o),
        "--normalize", o.feats_normalize, "--resume", "true",
        "--fold_length", str(o.text_fold_length), "--fold_length", str(fold),
        "--output_dir", str(exp), *_config(o), *options, *shlex.split(o.train_args),
    ]  # fmt: skip
    progress = TrainingProgress("stage 7: training", exp)
    job = Job(command, exp / "launch.log", inner=exp / "train.log")
    run_jobs([job], progress, single=False)
    (exp / "launch.log").unlink()


def _training_inputs(o: Options) -> tuple[list[str], int]:
    """Text, speech, durations and shapes; and the fold length of the speech."""
    stats, text_shape = Path(o.tts_stats_dir), f"text_shape.{o.token_type}"
    teacher = Path(o.teacher_dumpdir) if o.teacher_dumpdir else None
    if teacher and (teacher / o.train_set / "probs").exists():
        return _distilled_inputs(o, teacher), o.speech_fold_length
    options = feats_extract(o)
    for kind, name in (("train", o.train_set), ("valid", o.valid_set)):
        data, shapes = o.data_feats / name, stats / kind
        if kind == "train" and o.num_splits > 1 and not teacher:
            data = shapes = _split_lists(o)
            options += ["--multiple_iterator", "true"]
        options += inputs(kind, data, "text", "text", "text")
        options += _teacher_durations(o, kind, name)
        options += inputs(kind, data, "wav.scp", "speech", speech_type(o))
        options += [f"--{kind}_shape_file", str(shapes / text_shape)]
        options += [f"--{kind}_shape_file", str(shapes / "speech_shape")]
    return options, o.speech_fold_length * o.n_shift


def _distilled_inputs(o: Options, teacher: Path) -> list[str]:
    """Inputs when an autoregressive teacher's output is the target (``probs``)."""
    first = next(iter(read_table(teacher / o.train_set / "speech_shape").values()))
    options = [f"--odim={first.split(',')[1]}"]
    for kind, name in (("train", o.train_set), ("valid", o.valid_set)):
        shape = Path(o.tts_stats_dir) / kind / f"text_shape.{o.token_type}"
        options += inputs(kind, o.data_feats / name, "text", "text", "text")
        options += _teacher_durations(o, kind, name)
        options += inputs(kind, teacher / name / "denorm", "feats.scp", "speech", "npy")
        options += [f"--{kind}_shape_file", str(shape)]
        options += [f"--{kind}_shape_file", str(teacher / name / "speech_shape")]
    return options


def _split_lists(o: Options) -> Path:
    out = Path(o.tts_stats_dir) / f"splits{o.num_splits}"
    data, shapes = o.data_feats / o.train_set, Path(o.tts_stats_dir) / "train"
    lists = [data / "text", data / "wav.scp", shapes / "speech_shape"]
    lists.append(shapes / f"text_shape.{o.token_type}")
    if not (out / ".done").exists():
        run_shown(
            [
                *espnet(o, "split_scps"), "--scps", *map(str, lists),
                "--num_splits", str(o.num_splits), "--output_dir", str(out),
            ]
        )  # fmt: skip
        (out / ".done").touch()
    return out


def _config(o: Options) -> list[str]:
    return ["--config", o.train_config] if o.train_config else []


def _teacher_durations(o: Options, kind: str, name: str) -> list[str]:
    if not o.teacher_dumpdir:
        return []
    directory = Path(o.teacher_dumpdir) / name
    return inputs(kind, directory, "durations", "durations", "text_int")
