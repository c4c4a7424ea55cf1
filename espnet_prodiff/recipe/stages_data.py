"""Stages 1 to 4: from ``local/data.sh`` to filtered data sets in ``dump/raw``."""

import logging
import shlex
import shutil
from collections import Counter
from pathlib import Path

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.tables import read_table, write_table
from espnet_prodiff.recipe import data_dir
from espnet_prodiff.recipe.from_voice import find_voice
from espnet_prodiff.recipe.jobs import (
    Job,
    Progress,
    Status,
    count_lines,
    plugin,
    run_jobs,
    run_shown,
)
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.spk_embed import filter_embeddings, write_embeddings

log = logging.getLogger("recipe")


def prepare_data(options: Options) -> None:
    """Stage 1: run the recipe's own ``local/data.sh``."""
    script = Path("local/data.sh")
    if not script.is_file():
        raise UserError(
            f"no {script} in {Path.cwd()}: run this in a recipe directory, "
            "or start at --stage 2"
        )
    run_shown(["bash", str(script), *shlex.split(options.local_data_opts)])


def format_audio(options: Options) -> None:
    """Stage 2: one mono file per utterance at ``fs``, and ``utt2num_samples``."""
    for name in options.sets:
        source, target = Path("data") / name, options.org(name)
        data_dir.copy_data_dir(source, target)
        if target == options.data_feats / name:
            _refuse_empty_text(source)
        for old in ("segments", "wav.scp", "reco2file_and_channel"):
            (target / old).unlink(missing_ok=True)
        _format_set(options, source, target)
        write_text(target / "feats_type", f"{options.feats_type}\n")


def _format_set(options: Options, source: Path, target: Path) -> None:
    cuts = (source / "segments").exists()
    listed = source / ("segments" if cuts else "wav.scp")
    total = len(read_table(listed))
    numbers = range(1, min(options.nj, total) + 1)
    logs = target / "logs"
    # Utterances of an earlier run with more jobs must not linger in the lists.
    shutil.rmtree(logs, ignore_errors=True)
    parts = [logs / (f"segments.{n}" if cuts else f"wav.{n}.scp") for n in numbers]
    data_dir.split_table(listed, parts)
    folders = [target / "data" / f"format.{n}" for n in numbers]
    counts = [folder / "utt2num_samples" for folder in folders]
    jobs = []
    for n, part, folder in zip(numbers, parts, folders, strict=True):
        tables = [source / "wav.scp", part] if cuts else [part, "none"]
        settings = (folder, options.audio_format, options.sampling_rate)
        words = (*tables, *settings, str(options.allow_pipes).lower())
        command = [*plugin("recipe.format_wav"), *map(str, words)]
        jobs.append(Job(command, logs / f"format_wav_scp.{n}.log"))
        (folder / "utt2num_samples").unlink(missing_ok=True)
    title = f"stage 2: {source.name}"
    bar = Progress(title, "utt", lambda: Status(count_lines(counts), total))
    run_jobs(jobs, bar, single=True)
    for table in ("wav.scp", "utt2num_samples"):
        pieces = [folder / table for folder in folders]
        write_table(target / table, data_dir.join_tables(pieces))


def _refuse_empty_text(source: Path) -> None:
    for utterance, words in read_table(source / "text").items():
        if not words:
            raise UserError(
                f"{source / 'text'}: utterance {utterance} has no text, and a test set "
                "is not filtered; give it a text or take it out"
            )


def prepare_ids(options: Options) -> None:
    """Stage 3: speaker embeddings, speaker ids and language ids."""
    if options.use_spk_embed:
        write_embeddings(options)
    if options.use_sid:
        _write_ids(options, "utt2spk", "spk2sid", "utt2sid")
    if options.use_lid:
        _write_ids(options, "utt2lang", "lang2lid", "utt2lid")
    if not (options.use_spk_embed or options.use_sid or options.use_lid):
        log.info("stage 3: no speaker or language input, nothing to do")


def _write_ids(options: Options, source: str, names: str, target: str) -> None:
    """Number the training set's names after a voice's, or from 1; 0 is unknown."""
    train = options.org(options.train_set)
    known: dict[str, int] = {}
    if options.from_voice:
        entry = {"utt2spk": "speakers", "utt2lang": "languages"}[source]
        known = find_voice(options.from_voice).config.get(entry) or {}
    values = sorted(set(read_table(train / source).values()) - set(known))
    first = max(known.values(), default=0) + 1
    ids = {"<unk>": "0"} | {value: str(n) for value, n in known.items()}
    ids |= {value: str(n) for n, value in enumerate(values, first)}
    write_table(train / names, ids)
    for name in options.sets:
        table = read_table(options.org(name) / source)
        unknown = sorted(set(table.values()) - set(ids))
        if unknown:
            text = "stage 3: %s are not in the training set and get id 0: %s"
            log.warning(text, options.org(name) / source, ", ".join(unknown[:10]))
        numbers = {u: ids.get(v, "0") for u, v in table.items()}
        write_table(options.org(name) / target, numbers)


def filter_data(options: Options) -> None:
    """Stage 4: take out utterances without text, too short or too long."""
    shortest = int(options.min_wav_duration * options.sampling_rate)
    longest = int(options.max_wav_duration * options.sampling_rate)
    for name in dict.fromkeys((options.train_set, options.valid_set)):
        source, target = options.org(name), options.data_feats / name
        data_dir.copy_data_dir(source, target)
        extra = [x for x in ("utt2sid", "utt2lid") if (source / x).exists()]
        for table in ("feats_type", *extra):
            write_table(target / table, read_table(source / table))
        lengths = read_table(source / "utt2num_samples")
        fitting = {u: n for u, n in lengths.items() if shortest < int(n) < longest}
        wavs = read_table(source / "wav.scp")
        text = read_table(source / "text")
        spoken = {u: words for u, words in text.items() if words}
        if not fitting or not spoken:
            raise UserError(
                f"{source}: no utterance is left of {len(lengths)}: {len(spoken)} have "
                f"text, {len(fitting)} are between {options.min_wav_duration} and "
                f"{options.max_wav_duration} s (--min_wav_duration, --max_wav_duration)"
            )
        write_table(target / "utt2num_samples", fitting)
        write_table(target / "wav.scp", data_dir.keep_keys(wavs, fitting))
        write_table(target / "text", spoken)
        data_dir.filter_to_common_utterances(target, extra)
        left = read_table(target / "text")
        reasons = {
            u: "too short" if int(n) <= shortest else "too long"
            for u, n in lengths.items()
            if u not in fitting
        }
        reasons |= {u: "no text" for u in text if u not in spoken and u in fitting}
        for utterance in lengths.keys() - left.keys() - reasons.keys():
            reasons[utterance] = "not in every table"
        write_table(target / "left_out", data_dir.sort_by_key(reasons))
        counts = Counter(reasons.values())
        log.info(
            "stage 4: %s keeps %d of %d utterances%s",
            target, len(left), len(lengths),
            f"; left out, by name in {target / 'left_out'}: "
            + ", ".join(f"{n} {reason}" for reason, n in sorted(counts.items()))
            if reasons else "",
        )  # fmt: skip
        if options.use_spk_embed:
            filter_embeddings(options, name)
