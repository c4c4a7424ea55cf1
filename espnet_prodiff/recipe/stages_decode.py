"""Stages 8 and 10: decode the test sets, pack the model."""

import os
import shlex
import shutil
from pathlib import Path

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.tables import read_table, write_table
from espnet_prodiff.recipe import data_dir, naming
from espnet_prodiff.recipe.espnet_options import side_inputs, speech_type
from espnet_prodiff.recipe.jobs import Job, Progress, espnet, run_jobs, run_shown
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.resume import write_run_script

# What jobs write as lines is joined, what they write as files is moved.
JOINED = {
    "norm": "norm/feats.scp",
    "denorm": "denorm/feats.scp",
    "speech_shape": "speech_shape",
    "durations": "durations",
    "focus_rates": "focus_rates",
}
MOVED = {"wav": "*.wav", "att_ws": "*.png", "probs": "*.png"}


def decode(o: Options) -> None:
    """Stage 8: speak every test set with one model."""
    model = Path(o.tts_exp) / o.inference_model
    for file in (model, Path(o.tts_exp) / "config.yaml"):
        if not file.exists():
            raise UserError(f"{file} does not exist: train it first (stage 7)")
    write_run_script(Path(o.tts_exp) / o.inference_tag, o, 8)
    for name in dict.fromkeys(o.test_sets.split()):
        _decode_set(o, name, Path(o.tts_exp) / o.inference_tag / name)


def _decode_set(o: Options, name: str, out: Path) -> None:
    data, logs = o.data_feats / name, out / "log"
    options = ["--config", o.inference_config] if o.inference_config else []
    speech = [f"{data}/wav.scp,speech,{speech_type(o)}"]
    more = [",".join(map(str, (d / t, n, f))) for d, t, n, f in side_inputs(o, name)]
    if o.teacher_dumpdir:
        teacher = Path(o.teacher_dumpdir)
        if (teacher / o.train_set / "probs").exists():
            speech = [f"{teacher / name}/denorm/feats.scp,speech,npy"]
        more = [f"{teacher / name}/durations,durations,text_int", *more]
    for item in (f"{data}/text,text,text", *speech, *more):
        options += ["--data_path_and_name_and_type", item]
    shutil.rmtree(logs, ignore_errors=True)
    write_text(out / "feats_type", (data / "feats_type").read_text())
    total = len(read_table(data / "text"))
    numbers = range(1, min(o.inference_nj, total) + 1)
    keys = [logs / f"keys.{n}.scp" for n in numbers]
    data_dir.split_table(data / "text", keys)
    jobs = []
    for n, key in zip(numbers, keys, strict=True):
        command = [
            *espnet(o, "tts_inference"), "--ngpu", str(int(o.gpu_inference)),
            "--key_file", str(key),
            "--model_file", str(Path(o.tts_exp) / o.inference_model),
            "--train_config", str(Path(o.tts_exp) / "config.yaml"),
            "--output_dir", str(logs / f"output.{n}"),
            "--vocoder_file", o.vocoder_file,
            *options, *shlex.split(o.inference_args),
        ]  # fmt: skip
        jobs.append(Job(command, logs / f"tts_inference.{n}.log"))

    def spoken() -> int:
        return sum(1 for _ in logs.glob("output.*/wav/*.wav"))

    title = f"stage 8: {name}"
    run_jobs(jobs, Progress(title, total, spoken, "utt"), single=True)
    merge(out, [logs / f"output.{n}" for n in numbers])


def merge(out: Path, parts: list[Path]) -> None:
    """Join the jobs' output in ``out``, as far as the last job has written it."""
    for folder, table in JOINED.items():
        if (parts[-1] / folder).exists():
            files = [p / folder / Path(table).name for p in parts]
            lines = {k: v for f in files for k, v in read_table(f).items()}
            write_table(out / table, data_dir.by_key(lines))
    for folder, pattern in MOVED.items():
        if (parts[-1] / folder).exists():
            (out / folder).mkdir(exist_ok=True)
            for part in parts:
                for file in (part / folder).glob(pattern):
                    os.replace(file, out / folder / file.name)
                shutil.rmtree(part / folder, ignore_errors=True)
    wavs = {f.stem: str(f) for f in (out / "wav").glob("*.wav")}
    if wavs:
        write_table(out / "wav" / "wav.scp", data_dir.by_key(wavs))


def pack(o: Options) -> None:
    """Stage 10: one file with the model, its configuration and statistics."""
    exp, stats = Path(o.tts_exp), Path(o.tts_stats_dir) / "train"
    extras = [stats / f"{n}_stats.npz" for n in ("feats", "pitch", "energy")]
    extras.append(exp / "images")
    files = [f for f in extras if f.exists()]
    if o.use_spk_embed:
        tag = o.spk_embed_tag
        for name in (o.train_set, *dict.fromkeys(o.test_sets.split())):
            vectors = Path(o.dumpdir) / tag / name
            files += [vectors / f"spk_{tag}.scp", vectors / f"spk_{tag}.ark"]
    if o.use_sid:
        files.append(o.org(o.train_set) / "spk2sid")
    if o.use_lid:
        files.append(o.org(o.train_set) / "lang2lid")
    if o.token_type == "bpe":
        files.append(naming.bpe_model(o))
    run_shown(
        [
            *espnet(o, "pack"), "tts", "--train_config", str(exp / "config.yaml"),
            "--model_file", str(exp / o.inference_model),
            "--outpath", str(naming.packed_model(o)),
            *[word for file in files for word in ("--option", str(file))],
        ]
    )  # fmt: skip


def fetch_model(o: Options) -> Options:
    """Take the model of ``download_model`` from the zoo into an experiment directory.

    Returns:
        Options that decode it.
    """
    from espnet_prodiff.inference import archive

    found = archive.fetch_model(o.download_model)
    exp = Path(o.expdir) / o.download_model
    exp.mkdir(parents=True, exist_ok=True)
    write_text(exp / "config.txt", f"{found}\n")
    return link_model(o, exp, Path(found["model_file"]), Path(found["train_config"]))


def link_model(o: Options, exp: Path, model: Path, config: Path) -> Options:
    """Link a model and its configuration into ``exp``; return options for it."""
    from dataclasses import replace

    for file in (model, config):
        link = exp / file.name
        link.unlink(missing_ok=True)
        link.symlink_to(file.resolve())
    return replace(o, tts_exp=str(exp), inference_model=model.name)
