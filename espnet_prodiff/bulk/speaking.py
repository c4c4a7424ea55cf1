"""One shard of texts spoken and written: the same bytes, whoever does it."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from espnet_prodiff.bulk.texts import Shard, read
from espnet_prodiff.errors import InputError, TextError, check_choice
from espnet_prodiff.fileio.atomic import atomic_path, write_text
from espnet_prodiff.fileio.speech_file import pcm_16
from espnet_prodiff.runtime.voice import Voice

FORMATS = ("tar", "wav", "parquet")
# Fields of a row that are options of its own.
OPTIONS = ("speed", "pitch", "energy", "volume", "num_steps", "temperature", "speaker")

Record = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """What is spoken, how, and where it goes; the same for all workers.

    Attributes:
        source: Texts, see `cut`; all workers reach it, as they do the next two.
        voice: An exported voice.
        output: Folder of the results.
        format: "tar" (a wav and a json each), "wav" (a folder a shard) or "parquet".
        seed: With the id of an utterance the seed of its noise.
        options: Options of all utterances; those of a row go before.

    Raises:
        UserError: An unknown format.
    """

    source: Path
    voice: Path
    output: Path
    format: str = "tar"
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choice("format", self.format, FORMATS)

    @functools.cached_property
    def voice_digest(self) -> str:
        """Hash of the voice's files: one trained anew has weights of the same sizes."""
        digest = hashlib.sha256()
        for file in sorted(self.voice.iterdir()):
            digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as content:
                while block := content.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    def file(self, shard: Shard, suffix: str) -> Path:
        """Return a file of a shard."""
        return self.output / "shards" / f"{shard.number:06d}{suffix}"

    def fingerprint(self, shard: Shard) -> str:
        """Return what tells that a shard is done: its texts, options and voice."""
        parts = [self.format, self.seed, self.options, self.voice_digest]
        parts.append(read(self.source, shard))
        text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def is_done(self, shard: Shard) -> bool:
        """Whether a shard is there as this job would make it."""
        file = self.file(shard, ".done")
        return file.is_file() and file.read_text() == self.fingerprint(shard)


class ShardSpeaker:
    """A worker: a voice, loaded once, for one shard after the other."""

    def __init__(self, job: Job) -> None:
        """Load the voice of a job."""
        self.job, self.voice = job, Voice(job.voice, threads=1)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Speak the shards of a batch of Ray Data."""
        rows = zip(*(batch[name].tolist() for name in Shard._fields), strict=True)
        for row in rows:
            self.speak(Shard(*row))
        return {"number": batch["number"]}

    def speak(self, shard: Shard) -> None:
        """Speak a shard, write it, and then what tells that it is done."""
        job = self.job
        rows = read(job.source, shard)
        # By length, so that the memory grows and shrinks slowly; written in order.
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]["text"]))
        spoken: dict[int, tuple[Record, bytes]] = {i: self._one(rows[i]) for i in order}
        results = [spoken[i] for i in range(len(rows))]
        data = job.file(shard, "" if job.format == "wav" else f".{job.format}")
        {"tar": _write_tar, "wav": _write_folder, "parquet": _write_parquet}[
            job.format
        ](data, results)
        lines = (json.dumps(record, ensure_ascii=False) for record, _ in results)
        write_text(job.file(shard, ".jsonl"), "".join(f"{line}\n" for line in lines))
        write_text(job.file(shard, ".done"), job.fingerprint(shard))

    def _one(self, row: Record) -> tuple[Record, bytes]:
        """Return the record of an utterance and its WAV; empty where it has none."""
        name = f"{self.job.seed} {row['id']}".encode()
        seed = int.from_bytes(hashlib.blake2b(name, digest_size=4).digest(), "big")
        own = {name: row[name] for name in OPTIONS if name in row}
        record = {"id": row["id"], "text": row["text"]}
        try:
            wav = self.voice.say(row["text"], seed=seed, **{**self.job.options, **own})
        except (InputError, TextError) as error:
            return {**record, "error": str(error)}, b""
        file, fs = io.BytesIO(), self.voice.fs
        soundfile.write(file, np.frombuffer(pcm_16(wav), "<i2"), fs, format="WAV")
        digest = hashlib.sha256(file.getvalue()).hexdigest()
        seconds = round(len(wav) / fs, 4)
        return {**record, "seconds": seconds, "sha256": digest}, file.getvalue()


def records(job: Job, shard: Shard) -> Iterator[Record]:
    """Yield the records of a shard that is done, each with where its wave is."""
    name = job.file(shard, "" if job.format == "wav" else f".{job.format}").name
    for line in job.file(shard, ".jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        inside = f"/{record['id']}.wav" if job.format == "wav" else ""
        where = {} if "error" in record else {"file": f"shards/{name}{inside}"}
        yield {**record, **where}


def _write_tar(path: Path, results: list[tuple[Record, bytes]]) -> None:
    with atomic_path(path) as temporary, tarfile.open(temporary, "w") as tar:
        for record, wav in results:
            about = json.dumps(record, ensure_ascii=False).encode()
            for suffix, content in ((".wav", wav), (".json", about)):
                if not wav:
                    continue
                info = tarfile.TarInfo(record["id"] + suffix)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


def _write_folder(path: Path, results: list[tuple[Record, bytes]]) -> None:
    shutil.rmtree(path, ignore_errors=True)  # of a worker that was killed
    path.mkdir(parents=True)
    for record, wav in results:
        if wav:
            (path / f"{record['id']}.wav").write_bytes(wav)


def _write_parquet(path: Path, results: list[tuple[Record, bytes]]) -> None:
    import pyarrow
    from pyarrow import parquet

    rows = [
        {"id": record["id"], "text": record["text"], "seconds": record["seconds"]}
        | {"wav": wav}
        for record, wav in results
        if wav
    ]
    kinds = {"id": "string", "text": "string", "seconds": "float64", "wav": "binary"}
    schema = pyarrow.schema(list(kinds.items()))
    with atomic_path(path) as temporary:
        parquet.write_table(pyarrow.Table.from_pylist(rows, schema), temporary)
