"""``espnet-prodiff``: the commands of this package by name."""

import importlib
import sys

from espnet_prodiff.errors import one_message

COMMANDS = {
    "say": ("espnet_prodiff.bin.say", "speak a text"),
    "prepare": ("espnet_prodiff.bin.prepare", "make a recipe of your recordings"),
    "inference": ("espnet_prodiff.bin.tts_inference", "speak a data directory"),
    "generate": ("espnet_prodiff.bin.generate", "make waves with a DiffWave"),
    "recipe": ("espnet_prodiff.recipe.__main__", "the stages of tts.sh"),
    "train": ("espnet_prodiff.bin.train", "train a voice on a prepared recipe"),
    "tts-train": (
        "espnet_prodiff.bin.tts_train",
        "train a model, with ESPnet's options",
    ),
    "align": ("espnet_prodiff.bin.align", "learn durations"),
    "distill": ("espnet_prodiff.bin.distill", "make students of few steps"),
    "finetune-vocoder": (
        "espnet_prodiff.bin.finetune_vocoder",
        "tune a vocoder on a model's mels",
    ),
    "search-schedule": (
        "espnet_prodiff.bin.search_schedule",
        "find where a DiffWave should step",
    ),
    "pack-voice": ("espnet_prodiff.bin.pack_voice", "pack a model with all it needs"),
    "export": (
        "espnet_prodiff.bin.export",
        "write a voice as ONNX files",
    ),
    "bulk": ("espnet_prodiff.bin.bulk", "speak millions of texts, by Ray Data"),
    "serve": ("espnet_prodiff.bin.serve", "answer OpenAI's clients, with a page"),
    "share": ("espnet_prodiff.bin.share", "upload a packed voice to the hub"),
    "evaluate": ("espnet_prodiff.bin.evaluate", "measure speech and models"),
}


def usage() -> str:
    """Return the commands, a line each."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {what}" for name, (_, what) in COMMANDS.items()]
    head = "usage: espnet-prodiff COMMAND [options], COMMAND --help for each of them"
    return "\n".join([head, "", *lines])


def main() -> None:
    """Run the command that the first argument names."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
        return
    if name == "--version":
        from espnet_prodiff import __version__

        print(__version__)
        return
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        sys.exit(f"espnet-prodiff: error: no command {name!r}; there are {known}")
    module = importlib.import_module(COMMANDS[name][0])
    sys.argv = [f"espnet-prodiff {name}", *arguments]
    with one_message(name):
        sys.exit(module.main())


if __name__ == "__main__":
    main()
