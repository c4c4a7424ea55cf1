r"""Serve exported voices: OpenAI's speech endpoint, a page, metrics.

espnet-prodiff export slt --onnx voices/slt
espnet-prodiff serve --voices voices
curl http://127.0.0.1:8000/v1/audio/speech -H "Content-Type: application/json" \
    -d '{"model": "slt", "input": "Hello there."}' -o hello.mp3
"""

import argparse
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

from espnet_prodiff.errors import one_message
from espnet_prodiff.extras import install_command

NEEDED = ("fastapi", "uvicorn", "prometheus_client", "onnxruntime")
TOKEN = "ESPNET_PRODIFF_TOKEN"
GRACE = 60  # seconds that running requests have when the server is stopped


def get_parser() -> argparse.ArgumentParser:
    """Options of the server."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    text = "a folder of exported voices, or one of them; default: voices"
    add("--voices", type=Path, default=Path("voices"), metavar="DIR", help=text)
    add("--host", default="127.0.0.1", help="0.0.0.0: every machine may ask")
    add("--port", type=int, default=8000, help="default: 8000")
    add("--workers", type=int, help="sentences at a time; default: one a core")
    add("--queue", type=int, default=128, help="requests that wait; default: 128")
    add("--max_chars", type=int, default=4096, help="of a text; default: 4096")
    add("--timeout", type=float, default=60.0, help="seconds for a sentence")
    add("--memory", type=int, default=2048, help="megabytes of the loaded voices")
    text = f"what clients have to know is in the variable {TOKEN}"
    add("--token", action="store_true", help=text)
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Serve until a signal."""
    args = get_parser().parse_args(cmd)
    # Every worker has one thread, or they would fight for the cores; numpy reads this
    # when it is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with one_message("serve"):
        missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise ModuleNotFoundError(
                f"serving needs {', '.join(missing)}: {install_command('serve')}"
            )
        _serve(args)


def _serve(args: argparse.Namespace) -> None:
    import uvicorn

    from espnet_prodiff.errors import UserError
    from espnet_prodiff.serve.app import create_app
    from espnet_prodiff.serve.settings import Settings

    token = os.environ.get(TOKEN) if args.token else None
    if args.token and not token:
        raise UserError(f"--token wants the variable {TOKEN}, which is not set")
    settings = Settings(
        voices=args.voices,
        workers=args.workers or os.cpu_count() or 1,
        queue=args.queue,
        max_chars=args.max_chars,
        timeout=args.timeout,
        memory=args.memory,
        token=token,
    )
    app = create_app(settings)
    names = app.state.server.shelf.names()
    if not names:
        raise UserError(
            f"{args.voices} holds no exported voice: espnet-prodiff export slt --onnx "
            f"{args.voices / 'slt'}"
        )
    print(f"voices: {', '.join(names)}; page: http://{args.host}:{args.port}/")
    uvicorn.run(
        app,
        host=args.host,
        port=args.port,
        log_level="warning",
        limit_concurrency=4 * args.queue,
        timeout_graceful_shutdown=GRACE,
    )


if __name__ == "__main__":
    main()
