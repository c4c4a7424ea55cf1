"""Export a voice for runtimes without torch and ESPnet: ONNX files and one json.

espnet-prodiff export slt --onnx slt_onnx
python3 -c 'from espnet_prodiff.runtime import Voice
Voice("slt_onnx").save("hello.wav", "Hello there.")'
"""

import argparse
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from espnet_prodiff.errors import one_message
from espnet_prodiff.extras import install_command

NEEDED = ("onnx", "onnxruntime")


def get_parser() -> argparse.ArgumentParser:
    """Options of the export."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    text = "as --model of say: a voice of the package, a packed model, a .pth, a folder"
    add("voice", metavar="VOICE", help=text)
    add("--onnx", type=Path, required=True, metavar="DIR", help="where the files go")
    text = "float32 or float16: how weights are stored; default: float32"
    add("--dtype", default="float32", metavar="TYPE", help=text)
    add("--vocoder", help="a spectral vocoder; default: the voice's, or the built-in")
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Export, and say how large it is."""
    args = get_parser().parse_args(cmd)
    with one_message("export"):
        missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise ModuleNotFoundError(
                f"exporting needs {', '.join(missing)}: {install_command('export')}"
            )
        from espnet_prodiff.export.voice import export_voice

        export_voice(args.voice, args.onnx, dtype=args.dtype, vocoder=args.vocoder)
    size = sum(file.stat().st_size for file in args.onnx.iterdir())
    print(f"{args.onnx}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
