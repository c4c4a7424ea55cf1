"""One name for a model, whatever it is: voice, zip, weights, folder, URL or hub id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from espnet_prodiff.errors import InputError
from espnet_prodiff.inference.archive import fetch_model
from espnet_prodiff.inference.voices import FOLDER, known_voices

DEFAULT_VOICE = "slt"
DEMO = "demo"  # another name of it
# In an experiment folder, the best first.
WEIGHTS = ("valid.loss.best.pth", "valid.loss.ave.pth", "latest.pth")


def find_model(
    model: str | Path | None = None,
    cachedir: str | Path | None = None,
    voices: Path = FOLDER,
) -> dict[str, Any]:
    """Return what `Text2Speech` needs to load a model: ``model_file`` and its config.

    Args:
        model: A voice of the package by name (a folder of that name is ``./name``), a
            packed model (zip), weights (``.pth``), an experiment folder, a URL, a name
            of the zoo or a hub id ``user/name``; None or "demo": the package's ``slt``,
            or its first voice.
        cachedir: See `fetch_model`.
        voices: Where the voices of the package are.

    Raises:
        InputError: There is no voice to begin with, or the folder holds no model.
        FileNotFoundError, ArchiveError: See `fetch_model`.
    """
    if model is None or model == DEMO:
        known = known_voices(voices)
        if not known:
            raise InputError(
                "this installation holds no voice: say which model is to speak, "
                "--model with a zip, a .pth, an experiment folder, a URL or a hub id"
            )
        first = next((v for v in known if v.name == DEFAULT_VOICE), known[0])
        return fetch_model(str(first.model), cachedir)
    if any(model == voice.name for voice in known_voices(voices)):
        return fetch_model(str(model), cachedir)  # a folder of this name is ./NAME
    path = Path(model)
    if path.is_dir():
        files = [path / name for name in WEIGHTS]
        found = next((file for file in files if file.is_file()), None)
        if (path / "voice.json").is_file():
            raise InputError(
                f"folder {path} is an exported voice: espnet_prodiff.runtime.Voice and "
                "espnet-prodiff serve speak with it; this takes the model that it was "
                "exported from"
            )
        if found is None:
            raise InputError(
                f"folder {path} holds no model: expected {', '.join(WEIGHTS)} beside "
                "config.yaml, as a training leaves them"
            )
        return {"model_file": str(found)}
    if path.suffix == ".pth":
        if not path.is_file():
            raise FileNotFoundError(f"model file {path} does not exist")
        return {"model_file": str(path)}
    return fetch_model(str(model), cachedir)
