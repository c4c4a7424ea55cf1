"""All shards of a job: in this process, or by the workers of Ray Data."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tqdm import tqdm

from espnet_prodiff.bulk.speaking import Job, ShardSpeaker, records
from espnet_prodiff.bulk.texts import Shard, cut
from espnet_prodiff.fileio.atomic import atomic_path

MANIFEST = "manifest.jsonl"


class Done(NamedTuple):
    """What a run has made: texts, seconds of speech, and texts with an error."""

    texts: int
    seconds: float
    failures: int


def run(
    job: Job, *, shard_size: int = 1000, workers: int = 1, address: str | None = None
) -> Done:
    """Speak all texts of a job; shards that are there are left.

    Args:
        job: What is spoken.
        shard_size: Texts of a shard: what a killed worker's successor begins again.
        workers: Processes; one, without an address, is this one, without Ray.
        address: Of a Ray cluster ("auto": the one that runs here); None: a local one.

    Raises:
        FileNotFoundError, DataError, ConfigError: Texts or voice cannot be used.
    """
    shards = cut(job.source, shard_size)
    todo = [shard for shard in shards if not job.is_done(shard)]
    if todo:
        several = workers > 1 or address is not None
        spoken = _by_ray(job, todo, workers, address) if several else _here(job, todo)
        bar = {"unit": "shard", "initial": len(shards) - len(todo), "disable": None}
        for _ in tqdm(spoken, total=len(shards), **bar):
            pass
    texts = failures = 0
    seconds = 0.0
    with (
        atomic_path(job.output / MANIFEST) as temporary,
        temporary.open("w", encoding="utf-8") as file,
    ):
        for shard in shards:
            for record in records(job, shard):
                texts, failures = texts + 1, failures + ("error" in record)
                seconds += record.get("seconds", 0.0)
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return Done(texts, seconds, failures)


def _here(job: Job, shards: Sequence[Shard]) -> Iterator[int]:
    speaker = ShardSpeaker(job)
    for shard in shards:
        speaker.speak(shard)
        yield shard.number


def _by_ray(
    job: Job, shards: Sequence[Shard], workers: int, address: str | None
) -> Iterator[int]:
    """Let an actor pool speak; a shard of an actor that died is another one's."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    local: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False}
    ray.init(address=address, log_to_driver=False, **({} if address else local))
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        rows = [shard._asdict() for shard in shards]
        spoken = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            ShardSpeaker,
            fn_constructor_args=(job,),
            batch_size=1,
            num_cpus=1,
            compute=ray.data.ActorPoolStrategy(size=workers),
        )
        for row in spoken.iter_rows():
            yield row["number"]
    finally:
        ray.shutdown()
