"""A server under load: many clients at once, each asking as soon as it was answered.

Server and clients run on the same machine. Every other request is the same sentence
with the same seed, whose bytes are compared with those that it has alone. Printed and
written are, for each number of clients: answers and errors, speech a second of time and
a second of the server's CPU time, the time to the first sound, and the server's memory.

    espnet-prodiff export slt --onnx voices/slt
    python3 benchmarks/serve_load.py --voices voices --seconds 120 \
        --output benchmarks/results/serve_load.json
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from espnet_prodiff.evaluation.machine import describe_command, describe_machine

SENTENCE = "The same sentence with the same seed has the same bytes."
TEXTS = (
    "Good morning.",
    "The train to Boston leaves at 7:45 from platform 3. Please mind the gap.",
    "It was the best of times, it was the worst of times, it was the age of wisdom, it "
    "was the age of foolishness. It was the season of light.",
    "On 3 May, Dr. Smith paid $5.50 for it. Was that too much? Nobody knows.",
)
FS = 16000


async def speak(client: httpx.AsyncClient, text: str) -> tuple[bytes, float]:
    """Return the samples of a text, and the seconds to the first of them."""
    body = {"model": "slt", "input": text, "seed": 3, "response_format": "pcm"}
    start, first, chunks = time.perf_counter(), 0.0, []
    request = client.stream("POST", "/v1/audio/speech", json={**body, "stream": True})
    async with request as answer:
        answer.raise_for_status()
        async for chunk in answer.aiter_raw():
            first = first or time.perf_counter() - start
            chunks.append(chunk)
    return b"".join(chunks), first


async def figures(client: httpx.AsyncClient) -> dict[str, float]:
    """Return the server's CPU seconds and megabytes."""
    lines = (await client.get("/metrics")).text.splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if line[0] != "#")
    return {
        "cpu": float(values["process_cpu_seconds_total"]),
        "MB": float(values["process_resident_memory_bytes"]) / 1e6,
    }


async def load(url: str, clients: int, seconds: float, alone: bytes) -> dict[str, Any]:
    """Let clients ask for a while."""
    firsts: list[float] = []
    speech, errors, different = 0.0, 0, 0
    memory: list[float] = []
    limits = httpx.Limits(max_connections=clients + 2)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        end = time.monotonic() + seconds

        async def ask(number: int) -> None:
            nonlocal speech, errors, different
            count = number
            while time.monotonic() < end:
                count += 1
                text = SENTENCE if count % 2 else TEXTS[count // 2 % len(TEXTS)]
                try:
                    samples, first = await speak(client, text)
                except httpx.HTTPError as error:
                    print(repr(error), file=sys.stderr)
                    errors += 1
                    continue
                firsts.append(first)
                speech += len(samples) / 2 / FS
                different += text == SENTENCE and samples != alone

        async def watch() -> None:
            while time.monotonic() < end:
                memory.append((await figures(client))["MB"])
                await asyncio.sleep(5)

        before, start = await figures(client), time.monotonic()
        await asyncio.gather(watch(), *(ask(number) for number in range(clients)))
        spent, after = time.monotonic() - start, await figures(client)
    p50, p95 = np.percentile(firsts, (50, 95))
    return {
        "clients": clients,
        "seconds": round(spent, 1),
        "answers": len(firsts),
        "errors": errors,
        "other_bytes_than_alone": different,
        "answers_per_second": round(len(firsts) / spent, 2),
        "speech_per_second": round(speech / spent, 1),
        "speech_per_cpu_second": round(speech / (after["cpu"] - before["cpu"]), 1),
        "first_sound_ms": {"p50": round(1000 * p50), "p95": round(1000 * p95)},
        "memory_MB": {"after_5_s": round(memory[min(1, len(memory) - 1)])}
        | {"at_the_end": round(after["MB"])},
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    """Start a server, load it, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    serve = [sys.executable, "-m", "espnet_prodiff", "serve", "--voices", args.voices]
    idle = round(os.getloadavg()[0], 1)
    process = subprocess.Popen([*map(str, serve), "--port", str(port)])
    try:
        url = f"http://127.0.0.1:{port}"
        transport = httpx.AsyncHTTPTransport(retries=8)

        async def run() -> list[dict[str, Any]]:
            async with httpx.AsyncClient(base_url=url, transport=transport) as client:
                for text in (*TEXTS, SENTENCE):  # the voice is loaded, all is warm
                    alone, _ = await speak(client, text)
            results = []
            for clients in args.clients:
                found = await load(url, clients, args.seconds, alone)
                print(json.dumps(found), flush=True)
                results.append(found)
            return results

        results = asyncio.run(run())
    finally:
        process.terminate()
        process.wait()
    about = {
        "command": describe_command("benchmarks/serve_load.py"),
        "machine": describe_machine(),
        "load_average_before": idle,
    }
    args.output.write_text(json.dumps({**about, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
