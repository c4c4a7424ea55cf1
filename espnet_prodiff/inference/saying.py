"""Texts spoken into files, streams and loudspeakers, sentence by sentence."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from espnet_prodiff.errors import InputError, TextError, UserError
from espnet_prodiff.fileio.speech_file import Sink, speech_file
from espnet_prodiff.fileio.tables import check_id
from espnet_prodiff.inference.streaming import INPUTS, pieces_of, stream
from espnet_prodiff.inference.text2speech import Text2Speech

SAID = "said.txt"  # of a folder: its files and what was said in them


class Said(NamedTuple):
    """What was spoken: ``seconds`` of speech that took ``spent`` seconds to make."""

    seconds: float
    spent: float

    def __str__(self) -> str:
        if not self.seconds:
            return "all of them said before"
        speed = self.seconds / max(self.spent, 1e-9)
        return f"{self.seconds:.2f} s of speech, {speed:.1f} times real time"


def sampling_rate(text2speech: Text2Speech) -> int:
    """The rate in Hz of what is said.

    Raises:
        UserError: Nothing is: the model makes no waves.
    """
    if text2speech.fs is None:
        raise UserError("this model makes no waves: give it a --vocoder")
    return text2speech.fs


def say(
    text2speech: Text2Speech, text: str, sink: Sink, options: dict[str, Any]
) -> Said:
    """Speak a text of any length into a sink, each sentence when it is ready.

    Args:
        text2speech: The model.
        text: The text.
        sink: Takes the samples.
        options: As of ``Text2Speech.stream``.

    Raises:
        TextError, InputError: The model cannot use the text or an option.
    """
    item = {"text": text, **{name: options.get(name) for name in INPUTS}}
    conf = text2speech.options(**{k: v for k, v in options.items() if k not in INPUTS})
    pieces, fs = pieces_of(item, conf), sampling_rate(text2speech)
    spoken, start, waited = 0, time.perf_counter(), 0.0
    outputs = stream(text2speech, pieces, conf)
    bar = {"unit": "sentence", "disable": None if len(pieces) > 1 else True}
    for output in tqdm(outputs, total=len(pieces), leave=False, **bar):
        wav = output["wav"].float().cpu().numpy()
        spoken += len(wav)
        writing = time.perf_counter()
        sink.write(wav)  # a loudspeaker takes its time
        waited += time.perf_counter() - writing
    spent = time.perf_counter() - start - waited
    return Said(spoken / fs, spent)


def say_each(
    text2speech: Text2Speech,
    texts: Mapping[str, str],
    folder: Path,
    options: dict[str, Any],
    model: str,
) -> tuple[Said, list[str]]:
    """Speak texts into the files ``<name>.wav`` of a folder.

    What an earlier run has said there, with the same model, text and options, is left.

    Args:
        text2speech: The model.
        texts: The texts, by name.
        folder: Where the files go.
        options: As of ``Text2Speech.stream``.
        model: What tells the model from others.

    Returns:
        How much was said, and why a text could not be, by name.

    Raises:
        InputError, UserError: An option cannot be used, or a file not be written.
    """
    fs = sampling_rate(text2speech)
    for name in texts:
        check_id(name)
    folder.mkdir(parents=True, exist_ok=True)
    said = folder / SAID
    lines = said.read_text(encoding="utf-8").splitlines() if said.is_file() else []
    done = dict(line.rsplit(" ", 1) for line in lines if " " in line)
    seconds, spent, failures = 0.0, 0.0, []
    with said.open("a", encoding="utf-8", buffering=1) as record:
        for name, text in tqdm(texts.items(), unit="text", disable=None, leave=False):
            path = folder / f"{name}.wav"
            words = repr((model, text, sorted(options.items())))
            what = hashlib.sha256(words.encode()).hexdigest()[:32]
            if done.get(path.name) == what and path.is_file():
                continue
            try:
                with speech_file(path, fs) as sink:
                    one = say(text2speech, text, sink, options)
            except (InputError, TextError) as error:
                failures.append(f"{name}: {error}")
                continue
            record.write(f"{path.name} {what}\n")
            seconds, spent = seconds + one.seconds, spent + one.spent
    return Said(seconds, spent), failures
