"""Stage 8: decode the test sets."""

import os
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.tables import read_table, write_table
from espnet_prodiff.recipe import data_dir
from espnet_prodiff.recipe.espnet_options import (
    duration_inputs,
    inputs,
    side_inputs,
    speech_type,
)
from espnet_prodiff.recipe.jobs import (
    Job,
    Progress,
    Status,
    espnet,
    run_jobs,
    write_run_script,
)
from espnet_prodiff.recipe.options import Options

# Tables of the jobs are joined, other files of theirs are moved.
JOINED = {"norm": "norm/feats.scp", "denorm": "denorm/feats.scp"}
JOINED |= {name: name for name in ("speech_shape", "durations", "focus_rates")}
MOVED = {"wav": "*.wav", "att_ws": "*.png", "probs": "*.png"}


def decode(options: Options) -> None:
    """Stage 8: decode every test set with one model."""
    exp = Path(options.tts_exp)
    for file in (exp / options.inference_model, exp / "config.yaml"):
        if not file.exists():
            raise UserError(f"{file} does not exist: train it first (stage 7)")
    write_run_script(exp / options.inference_tag, options, 8)
    for name in dict.fromkeys(options.test_sets.split()):
        _decode_set(options, name, exp / options.inference_tag / name)


def _decode_set(options: Options, name: str, out: Path) -> None:
    data, logs = options.data_feats / name, out / "log"
    teacher = Path(options.teacher_dumpdir)
    speech, form = data / "wav.scp", speech_type(options)
    if options.teacher_dumpdir and (teacher / options.train_set / "probs").exists():
        speech, form = teacher / name / "denorm" / "feats.scp", "npy"
    arguments = [
        *(["--config", options.inference_config] if options.inference_config else []),
        *inputs("", data / "text", "text", "text"),
        *inputs("", speech, "speech", form),
        *duration_inputs(options, "", name),
        *side_inputs(options, "", name),
    ]
    shutil.rmtree(logs, ignore_errors=True)
    write_table(out / "feats_type", read_table(data / "feats_type"))
    total = len(read_table(data / "text"))
    numbers = range(1, min(options.inference_nj, total) + 1)
    keys = [logs / f"keys.{n}.scp" for n in numbers]
    data_dir.split_table(data / "text", keys)
    jobs = []
    for n, key in zip(numbers, keys, strict=True):
        command = [
            *espnet(options, "tts_inference"),
            "--ngpu", str(int(options.gpu_inference)), "--key_file", str(key),
            "--model_file", str(Path(options.tts_exp) / options.inference_model),
            "--train_config", str(Path(options.tts_exp) / "config.yaml"),
            "--output_dir", str(logs / f"output.{n}"),
            "--vocoder_file", options.vocoder_file,
            *arguments, *shlex.split(options.inference_args),
        ]  # fmt: skip
        jobs.append(Job(command, logs / f"tts_inference.{n}.log"))

    def poll() -> Status:
        return Status(sum(1 for _ in logs.glob("output.*/wav/*.wav")), total)

    run_jobs(jobs, Progress(f"stage 8: {name}", "utt", poll), single=True)
    merge(out, [logs / f"output.{n}" for n in numbers])


def merge(out: Path, parts: list[Path]) -> None:
    """Join the output of the jobs in ``out``: what the last of them has written."""
    for folder, table in JOINED.items():
        if (parts[-1] / folder).exists():
            files = [p / folder / Path(table).name for p in parts]
            lines = data_dir.join_tables(files)
            write_table(out / table, data_dir.sort_by_key(lines))
    for folder, pattern in MOVED.items():
        if (parts[-1] / folder).exists():
            (out / folder).mkdir(exist_ok=True)
            for part in parts:
                for file in (part / folder).glob(pattern):
                    os.replace(file, out / folder / file.name)
                shutil.rmtree(part / folder, ignore_errors=True)
    wavs = {f.stem: str(f) for f in (out / "wav").glob("*.wav")}
    if wavs:
        write_table(out / "wav" / "wav.scp", data_dir.sort_by_key(wavs))


def fetch_model(options: Options) -> Options:
    """Return options that decode ``download_model``, linked into an own directory."""
    from espnet_prodiff.inference import archive  # ESPnet takes seconds

    files = archive.fetch_model(options.download_model)
    exp = Path(options.expdir) / options.download_model
    exp.mkdir(parents=True, exist_ok=True)
    write_text(exp / "config.txt", f"{files}\n")
    model, config = Path(files["model_file"]), Path(files["train_config"])
    for file in (model, config):
        link = exp / file.name
        link.unlink(missing_ok=True)
        link.symlink_to(file.resolve())
    return replace(options, tts_exp=str(exp), inference_model=model.name)
