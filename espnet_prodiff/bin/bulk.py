"""Speak many texts: shards of them, on one machine or a cluster, by Ray Data.

espnet-prodiff export slt --onnx slt_onnx
echo '{"id": "one", "text": "The first of a million."}' > texts.jsonl
espnet-prodiff bulk --voice slt_onnx --input texts.jsonl --output spoken
"""

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from espnet_prodiff.errors import one_message
from espnet_prodiff.extras import install_command


def get_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    text = "jsonl or parquet: id, text and, where a text has its own, speaker, speed, "
    text += "pitch, energy, volume, num_steps, temperature"
    add("--input", type=Path, required=True, help=text)
    add("--output", type=Path, required=True, metavar="DIR", help="an old run goes on")
    add("--voice", type=Path, required=True, metavar="DIR", help="an exported voice")
    text = (
        "tar (a wav and a json each), wav (a folder a shard) or parquet; default: tar"
    )
    add("--format", default="tar", help=text)
    add("--shard_size", type=int, default=1000, help="texts; default: 1000")
    add("--workers", type=int, default=1, help="1, without --address: without Ray")
    add("--address", help="of a Ray cluster, or auto; default: workers of this machine")
    add("--seed", type=int, default=0, help="with a text's id the seed of its noise")
    for name in ("speed", "pitch", "energy", "volume", "temperature"):
        add(f"--{name}", type=float)
    add("--num_steps", type=int)
    add("--speaker", help="name or id, of a voice of several")
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Speak; exit with 1 if a text could not be spoken."""
    args = vars(get_parser().parse_args(cmd))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as every worker has it
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    paths = {name: args.pop(name) for name in ("input", "output", "voice")}
    how = {name: args.pop(name) for name in ("shard_size", "workers", "address")}
    with one_message("bulk"):
        ray = how["workers"] > 1 or how["address"]
        if ray and importlib.util.find_spec("ray") is None:
            raise ModuleNotFoundError(
                f"several workers need Ray: {install_command('bulk')}"
            )
        from espnet_prodiff.bulk.run import MANIFEST, run
        from espnet_prodiff.bulk.speaking import Job
        from espnet_prodiff.errors import check_positive

        for name in ("shard_size", "workers"):
            check_positive(name, how[name])
        source, output, voice = (
            paths[name].absolute() for name in ("input", "output", "voice")
        )
        kind, seed = args.pop("format"), args.pop("seed")
        options = {name: value for name, value in args.items() if value is not None}
        done = run(Job(source, voice, output, kind, seed, options), **how)
    print(f"{paths['output']}: {done.texts} texts, {done.seconds / 3600:.2f} hours")
    if done.failures:
        sys.exit(
            f"{done.failures} texts could not be spoken: see error in "
            f"{paths['output'] / MANIFEST}"
        )


if __name__ == "__main__":
    main()
