"""Generators of faults: each takes a random generator and an empty folder, once a case.

A case ends as it should if it returns, or if one of our errors names what is wrong; it
asserts what has to hold beyond that. Whatever a file may try to run makes ``canary``.
"""

import io
import os
import pickle
import tempfile
import zipfile
from argparse import Namespace
from collections.abc import Callable
from functools import cache
from pathlib import Path

import kaldiio
import numpy as np
import pytest
import soundfile
import torch
import yaml

from espnet_prodiff.errors import DataError
from espnet_prodiff.fileio.checkpoint import fit_weights, load_weights
from espnet_prodiff.fileio.kaldi import read_array
from espnet_prodiff.fileio.tables import check_id, read_durations, read_table
from espnet_prodiff.fileio.yaml_files import parse_yaml
from espnet_prodiff.inference.archive import fetch_model
from espnet_prodiff.inference.direct import TextPreprocessor
from espnet_prodiff.inference.text import TextToIds
from espnet_prodiff.recipe.format_wav import format_wav
from espnet_prodiff.training.data_tables import read_statistics
from tests.training.small_training import Killed, content, killed_at, train

Case = Callable[[np.random.Generator, Path], None]
CANARY = "canary"
YAML_PIECES = (
    "a: 1\n", "- x\n", "[", "{", "*a", "&a ", "!!int x", "!!python/name:os ", "'", '"',
    "\n", "  ", "? ", ": ", "!!binary x", "2020-99-99", "\t", "#",
)  # fmt: skip
TEXT_PIECES = (
    "9" * 400, "\0", "\udc80", "e\u0301", "\u202e", "$1e999", "1/0", "Dr.", " ",
    "hello", "\U0001f600", "999:99", "\u0663", "-", "31.31.9999", "(", "www.",
)  # fmt: skip


class Payload:
    """Makes the canary when it is unpickled."""

    def __init__(self, folder: Path, call: str) -> None:
        self.call = (os.mkdir, (str(folder / CANARY),))
        if call == "system":
            self.call = (os.system, (f"mkdir {folder / CANARY}",))

    def __reduce__(self) -> tuple:
        return self.call


def damaged(random: np.random.Generator, content: bytes) -> bytes:
    """Cut, flip, repeat, drop or insert a few bytes."""
    found = bytearray(content)
    for _ in range(int(random.integers(1, 5))):
        if not found:
            break
        place = int(random.integers(len(found)))
        match int(random.integers(5)):
            case 0:
                del found[place:]
            case 1:
                found[place] ^= 1 << int(random.integers(8))
            case 2:
                found[place:place] = random.bytes(int(random.integers(1, 30)))
            case 3:
                del found[place : place + int(random.integers(1, 30))]
            case _:
                found[place:place] = found[place // 2 : place]
    return bytes(found)


@cache
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))


def checkpoint(random: np.random.Generator, folder: Path) -> None:
    """Damaged weights: refused, or exactly those that were saved."""
    buffer = io.BytesIO()
    legacy = bool(random.integers(4) == 0)
    torch.save(
        network().state_dict(), buffer, _use_new_zipfile_serialization=not legacy
    )
    path = folder / "weights.pth"
    path.write_bytes(damaged(random, buffer.getvalue()))
    states = load_weights(path)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    fit_weights(model, states, path)
    if not legacy:  # which has no checksums
        for name, value in network().state_dict().items():
            assert torch.equal(model.state_dict()[name], value), name


def hostile_checkpoint(random: np.random.Generator, folder: Path) -> None:
    """Objects that run something or that numpy crashes on, at any place."""
    values = [None, -1, 2**31 - 1, "<", ("a",), {"a": 1}, b"x", (1, (2, 3))]

    class NumberType:
        def __reduce__(self) -> tuple:
            state = (3, *(values[i] for i in random.integers(0, len(values), 7)))
            name = str(random.choice(["f8", "V8", "O", "M8[s]", "S3", "i4"]))
            return np.dtype, (name, False, True), state

    class Number:
        def __reduce__(self) -> tuple:
            content = random.bytes(int(random.choice([0, 1, 8, 9])))
            return np._core.multiarray.scalar, (NumberType(), content)

    what = [Number(), NumberType(), Payload(folder, "mkdir"), Payload(folder, "system")]
    obj = what[int(random.integers(len(what)))]
    states = {"model": network().state_dict(), "reporter": {"stats": {}}}
    place = random.choice(["top", "model", "reporter"])
    (states if place == "top" else states[place])["x"] = obj
    if random.integers(3) == 0:
        (folder / "x.pth").write_bytes(pickle.dumps(states))
    else:
        torch.save(states, folder / "x.pth")
    load_weights(folder / "x.pth")


def kaldi(random: np.random.Generator, folder: Path) -> None:
    """Arrays, pickles and commands behind a line of a table, some of them damaged."""
    ark = folder / "x.ark"
    array = np.arange(6, dtype=np.float32)
    if random.integers(2):
        array = array.reshape(2, 3)
    kaldiio.save_ark(str(ark), {"u": array})
    written = ark.read_bytes()
    source = f"{ark}:2"
    match int(random.integers(4)):
        case 0:
            ark.write_bytes(b"u PKL" + pickle.dumps(Payload(folder, "mkdir")))
        case 1:
            source = f"mkdir {folder / CANARY}; cat {ark} |"
        case 2:
            source = f"| mkdir {folder / CANARY}"
        case _:
            ark.write_bytes(damaged(random, written))
    read_array(source, "u")


def archive(random: np.random.Generator, folder: Path) -> None:
    """Packed models with damaged or hostile members: nothing outside the cache."""
    meta = {
        "files": {"model_file": "exp/1epoch.pth"},
        "yaml_files": {"train_config": "exp/config.yaml"},
    }
    members = {
        "meta.yaml": yaml.dump(meta),
        "exp/config.yaml": "tts: prodiff\n",
        "exp/1epoch.pth": "weights",
    }
    names = [
        "../x",
        f"{folder}/x",
        "exp/../../x",
        "a\\..\\..\\x",
        "C:x",
        ".",
        "n\nl",
    ]
    if random.integers(2):
        members[str(random.choice(names))] = "x"
    for name in ("meta.yaml", "exp/config.yaml"):
        if random.integers(2):
            members[name] = damaged(random, members[name].encode())
    inside = folder / "inside"
    inside.mkdir()
    path = inside / "m.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, value in members.items():
            file.writestr(name, value)
    if random.integers(3) == 0:
        path.write_bytes(damaged(random, path.read_bytes()))
    try:
        fetch_model(str(path), inside / "cache")
    finally:
        assert [p.name for p in folder.iterdir()] == ["inside"]


def config(random: np.random.Generator, folder: Path) -> None:
    """yaml of any bytes, nested, with aliases and tags."""
    pieces = YAML_PIECES
    count = int(random.integers(1, 40))
    text = "".join(pieces[i] for i in random.integers(0, len(pieces), count))
    text *= int(random.choice([1, 1, 1, 3000]))
    content = text.encode() if random.integers(2) else random.bytes(50)
    assert isinstance(parse_yaml(content, "config.yaml"), dict)


@cache
def text_to_ids() -> TextToIds:
    tokens = ["<blank>", "<unk>", "<space>", *"abcdefghijklmnopqrstuvwxyz'.,"]
    options = dict(non_linguistic_symbols=None, cleaner="tacotron", token_type="char")
    args = Namespace(**options, g2p=None, token_list=[*tokens, "<sos/eos>"])
    return TextToIds(TextPreprocessor(args))


def text(random: np.random.Generator, folder: Path) -> None:
    """Any characters and numbers, in any script and length."""
    pieces = TEXT_PIECES
    words = [pieces[i] for i in random.integers(0, len(pieces), random.integers(1, 9))]
    words += [chr(i) for i in random.integers(1, 0x3000, random.integers(4))]
    ids = text_to_ids()("".join(words) * int(random.choice([1, 1, 1, 50])))
    assert len(ids) and 0 <= ids.min() and ids.max() < 33


def table(random: np.random.Generator, folder: Path) -> None:
    """Damaged tables, durations, statistics and recordings."""
    (folder / "table").write_bytes(damaged(random, "u1 3 4 5\nü2 7 8\n".encode()))
    arrays = {"count": 2, "sum": np.ones(2), "sum_square": np.array([1.0, 2.0])}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    (folder / "s.npz").write_bytes(damaged(random, buffer.getvalue()))
    soundfile.write(folder / "u.wav", random.uniform(-1, 1, 800), 8000)
    whole = (folder / "u.wav").read_bytes()
    (folder / "u.wav").write_bytes(damaged(random, whole))
    (folder / "wav.scp").write_text(f"u {folder / 'u.wav'}\n")
    for read in (
        lambda: [check_id(utt) for utt in read_table(folder / "table")],
        lambda: read_durations(folder / "table"),
        lambda: read_statistics(folder / "s.npz", 2),
        lambda: format_wav(folder / "wav.scp", None, folder / "out", "wav", 8000),
    ):
        try:
            read()
        except DataError as error:
            assert any(n in str(error) for n in ("table", "s.npz", "utterance"))


@cache
def uninterrupted() -> dict:
    with tempfile.TemporaryDirectory() as name:
        train(name)
        return content(name)


def kill(random: np.random.Generator, folder: Path) -> None:
    """Several kills in one training, a damaged checkpoint among them, then the end."""
    whole = uninterrupted()
    monkeypatch = pytest.MonkeyPatch()
    for _ in range(int(random.integers(1, 4))):
        try:
            with killed_at(int(random.integers(1, 40)), monkeypatch):
                train(folder)
        except Killed:
            pass
    last = folder / "checkpoint.pth"
    if random.integers(2) and (folder / "checkpoint.previous.pth").exists():
        last.write_bytes(damaged(random, last.read_bytes()))
    train(folder)
    assert content(folder) == whole


KINDS: dict[str, Case] = {
    case.__name__: case
    for case in (
        checkpoint,
        hostile_checkpoint,
        kaldi,
        archive,
        config,
        text,
        table,
        kill,
    )  # fmt: skip
}
