"""Export a voice for runtimes without torch and ESPnet: ONNX files and one json.

espnet-prodiff export slt --onnx slt_onnx
python3 -c 'from espnet_prodiff.runtime import Voice
Voice("slt_onnx").save("hello.wav", "Hello there.")'
"""

import argparse
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from espnet_prodiff.errors import UserError, one_message
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
    where = parser.add_mutually_exclusive_group(required=True)
    text = "where the files of our runtime go"
    where.add_argument("--onnx", type=Path, metavar="DIR", help=text)
    text = "where those of sherpa-onnx go: its Matcha loader, with --num_steps"
    where.add_argument("--sherpa", type=Path, metavar="DIR", help=text)
    text = "float32 or float16: how weights are stored; default: float32"
    add("--dtype", default="float32", metavar="TYPE", help=text)
    add("--num_steps", type=int, help="of --sherpa; default: the model's own")
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
        from espnet_prodiff.export.sherpa import export_sherpa
        from espnet_prodiff.export.voice import export_voice

        if args.onnx is not None:
            if args.num_steps is not None:
                raise UserError("--num_steps is for --sherpa: --onnx takes any number")
            export_voice(args.voice, args.onnx, dtype=args.dtype, vocoder=args.vocoder)
        else:
            if args.dtype != "float32" or args.vocoder is not None:
                raise UserError("--dtype and --vocoder are for --onnx")
            export_sherpa(args.voice, args.sherpa, num_steps=args.num_steps)
    folder = args.onnx or args.sherpa
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
