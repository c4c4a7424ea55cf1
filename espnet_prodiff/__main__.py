"""``python3 -m espnet_prodiff``: the commands, and the door for tts.sh's ``--python``.

``python3 -m espnet_prodiff say ...`` is ``espnet-prodiff say ...``.
tts.sh runs every ESPnet module as ``${python} -m espnet2.bin.<module> ...``. Training
and inference run as the plugin's modules instead, all others unchanged.
"""

import importlib
import sys

from espnet_prodiff.bin import command
from espnet_prodiff.errors import one_message

OURS = {
    "espnet2.bin.tts_train": "espnet_prodiff.bin.tts_train",
    "espnet2.bin.tts_inference": "espnet_prodiff.bin.tts_inference",
}

USAGE = (
    "usage: python3 -m espnet_prodiff -m espnet2.bin.<module> [options of the module]"
)


def main() -> None:
    """Run a command, or the module that follows ``-m`` with the arguments behind it."""
    if sys.argv[1:2] != ["-m"]:
        command.main()
        return
    if len(sys.argv) < 3:
        sys.exit(f"{USAGE}\nours: {', '.join(OURS)}")
    name = sys.argv[2]
    module_name = OURS.get(name, name)
    if not module_name.startswith(("espnet2.", "espnet_prodiff.")):
        sys.exit(f"{USAGE}\n{name} is not a module of espnet2 or espnet_prodiff")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise
        sys.exit(f"there is no module {name}")
    if not hasattr(module, "main"):
        sys.exit(f"{name} cannot be run: it has no main()")
    sys.argv = [str(module.__file__), *sys.argv[3:]]
    with one_message(module_name.rpartition(".")[2]):
        module.main()


if __name__ == "__main__":
    main()
