"""Stages 1 to 4: from ``local/data.sh`` to filtered data sets in ``dump/raw``."""

import logging
import shlex
import shutil
from pathlib import Path

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.tables import read_table, write_table
from espnet_prodiff.recipe import data_dir
from espnet_prodiff.recipe.jobs import (
    Job,
    Progress,
    count_lines,
    plugin,
    run_jobs,
    run_shown,
)
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.spk_embed import filter_embeddings, take_embeddings

log = logging.getLogger("recipe")


def prepare_data(o: Options) -> None:
    """Stage 1: run the recipe's own ``local/data.sh``."""
    script = Path("local/data.sh")
    if not script.is_file():
        raise UserError(
            f"no {script} in {Path.cwd()}: run this in a recipe directory, "
            "or start at --stage 2"
        )
    run_shown(["bash", str(script), *shlex.split(o.local_data_opts)])


def format_audio(o: Options) -> None:
    """Stage 2: one mono file per utterance at ``fs``, and ``utt2num_samples``."""
    for name in o.sets:
        source, target = Path("data") / name, o.org(name)
        data_dir.copy(source, target)
        if target == o.data_feats / name:
            _refuse_empty_text(source)
        for old in ("segments", "wav.scp", "reco2file_and_channel"):
            (target / old).unlink(missing_ok=True)
        _format_set(o, source, target)
        write_text(target / "feats_type", f"{o.feats_type}\n")


def _format_set(o: Options, source: Path, target: Path) -> None:
    cuts = source / "segments"
    listed, stem = (
        (cuts, "segments.{}") if cuts.exists() else (source / "wav.scp", "wav.{}.scp")
    )
    total = len(read_table(listed))
    numbers = range(1, min(o.nj, total) + 1)
    logs, out = target / "logs", target / "data"
    # Utterances of an earlier run with more jobs must not linger in the lists.
    shutil.rmtree(logs, ignore_errors=True)
    parts = [logs / stem.format(n) for n in numbers]
    data_dir.split_table(listed, parts)
    jobs = []
    for n, part in zip(numbers, parts, strict=True):
        tables = [source / "wav.scp", part] if cuts.exists() else [part, "none"]
        settings = [out / f"format.{n}", o.audio_format, o.sampling_rate]
        command = [*plugin("recipe.format_wav"), *map(str, tables + settings)]
        jobs.append(Job(command, logs / f"format_wav_scp.{n}.log"))
    counts = [out / f"format.{n}" / "utt2num_samples" for n in numbers]
    for path in counts:
        path.unlink(missing_ok=True)
    title = f"stage 2: {source.name}"
    run_jobs(jobs, Progress(title, total, lambda: count_lines(counts), "utt"), True)
    for table in ("wav.scp", "utt2num_samples"):
        pieces = [out / f"format.{n}" / table for n in numbers]
        text = "".join(p.read_text(encoding="utf-8") for p in pieces)
        write_text(target / table, text)


def _refuse_empty_text(source: Path) -> None:
    text = read_table(source / "text")
    for utterance in [u for u, words in text.items() if not words]:
        raise UserError(
            f"{source / 'text'}: utterance {utterance} has no text, and a test set is "
            "not filtered; give it a text or take it out"
        )


def prepare_ids(o: Options) -> None:
    """Stage 3: speaker embeddings, speaker ids and language ids."""
    if o.use_spk_embed:
        take_embeddings(o)
    if o.use_sid:
        _write_ids(o, "utt2spk", "spk2sid", "utt2sid")
    if o.use_lid:
        _write_ids(o, "utt2lang", "lang2lid", "utt2lid")
    if not (o.use_spk_embed or o.use_sid or o.use_lid):
        log.info("stage 3: no speaker or language input, nothing to do")


def _write_ids(o: Options, source: str, names: str, target: str) -> None:
    """Number the training set's names from 1; 0 is for unknown ones."""
    train = o.org(o.train_set)
    known = sorted(set(read_table(train / source).values()))
    ids = {"<unk>": "0"} | {name: str(n) for n, name in enumerate(known, 1)}
    write_table(train / names, ids)
    for name in o.sets:
        table = read_table(o.org(name) / source)
        unknown = sorted(set(table.values()) - set(ids))
        if unknown:
            log.warning(
                "stage 3: %s are not in the training set and get id 0: %s",
                o.org(name) / source,
                ", ".join(unknown[:10]),
            )
        numbers = {u: ids.get(v, "0") for u, v in table.items()}
        write_table(o.org(name) / target, numbers)


def filter_data(o: Options) -> None:
    """Stage 4: take out utterances without text, too short or too long."""
    shortest = int(o.min_wav_duration * o.sampling_rate)
    longest = int(o.max_wav_duration * o.sampling_rate)
    for name in dict.fromkeys((o.train_set, o.valid_set)):
        source, target = o.org(name), o.data_feats / name
        data_dir.copy(source, target)
        extra = [x for x in ("utt2sid", "utt2lid") if (source / x).exists()]
        for table in ("feats_type", *extra):
            write_text(target / table, (source / table).read_text())
        lengths = read_table(source / "utt2num_samples")
        fit = {u: n for u, n in lengths.items() if shortest < int(n) < longest}
        wavs = read_table(source / "wav.scp")
        text = read_table(source / "text")
        spoken = {u: words for u, words in text.items() if words}
        if not fit or not spoken:
            raise UserError(
                f"{source}: no utterance is left of {len(lengths)}: {len(spoken)} have "
                f"text, {len(fit)} are between {o.min_wav_duration} and "
                f"{o.max_wav_duration} s (--min_wav_duration, --max_wav_duration)"
            )
        write_table(target / "utt2num_samples", fit)
        write_table(target / "wav.scp", data_dir.only(wavs, fit))
        write_table(target / "text", spoken)
        data_dir.fix(target, extra)
        left = read_table(target / "text")
        log.info(
            "stage 4: %s keeps %d of %d utterances (%d too short or long, %d empty)",
            target, len(left), len(lengths), len(lengths) - len(fit),
            len(text) - len(spoken),
        )  # fmt: skip
        if o.use_spk_embed:
            filter_embeddings(o, name)
