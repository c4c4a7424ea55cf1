"""Texts of any length: sentence by sentence, and joined again.

Every sentence is synthesised as it would be alone, with the same seed, so that memory
does not grow with the text and nothing depends on what stands around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from espnet_prodiff.errors import InputError, TextError
from espnet_prodiff.inference.phones import Phone
from espnet_prodiff.inference.prosody import Prosody
from espnet_prodiff.inference.sentences import MAX_CHARS, split_sentences

if TYPE_CHECKING:
    from torch import Tensor

JOINED = ("wav", "feat_gen", "feat_gen_denorm", "duration", "pitch", "energy")
TOGETHER = 8  # sentences that go through the model at once
INPUTS = ("speech", "durations", "spembs", "sids", "lids")  # besides the text

Item = dict[str, Any]  # the text and the other inputs of an utterance
Output = dict[str, Any]


class Speaker(Protocol):
    """What a stream needs: `Text2Speech`, or ``Voice`` of the runtime without torch."""

    @property
    def fs(self) -> int | None:
        """Sampling rate, if it speaks waves."""

    def features(self, items: Sequence[Item], conf: dict[str, Any]) -> Iterable[Output]:
        """Run the acoustic model on utterances."""

    def vocode(self, output: Output, conf: dict[str, Any]) -> Output:
        """Add ``wav`` (T_wav,), a tensor or an array."""


class Piece(NamedTuple):
    """A sentence to speak, and the silence behind it in seconds."""

    item: Item
    pause: float


def pieces_of(
    item: Item, conf: dict[str, Any], max_chars: int = MAX_CHARS
) -> list[Piece]:
    """Split an utterance into sentences, with its other inputs for each of them.

    Token ids and empty texts stay whole, and so do texts with teacher forcing, whose
    durations are those of a whole recording.

    Args:
        item: ``text`` and the other inputs.
        conf: All decoding options.
        max_chars: Longest piece, in characters.
    """
    sentences = []
    if isinstance(item.get("text"), str) and not conf.get("use_teacher_forcing"):
        sentences = split_sentences(item["text"], max_chars)
    if not sentences:
        return [Piece(item, 0.0)]
    # Who speaks twice as fast pauses half as long.
    factor = conf.get("alpha", 1.0) / Prosody.of(conf).speed
    return [Piece({**item, "text": text}, pause * factor) for text, pause in sentences]


def stream(
    speaker: Speaker, pieces: Sequence[Piece], conf: dict[str, Any]
) -> Iterator[Output]:
    """Speak one piece after the other, see ``Text2Speech.stream``.

    The first goes through the model alone, the others together, which is faster.

    Raises:
        TextError, InputError: See ``Text2Speech.__call__``; of several pieces the
            message counts from 1.
    """
    groups = [range(min(1, len(pieces)))]
    groups += [
        range(first, min(first + TOGETHER, len(pieces)))
        for first in range(1, len(pieces), TOGETHER)
    ]
    for group in groups:
        outputs = _features(speaker, pieces, group, conf)
        for number, output in zip(group, outputs, strict=True):
            output = speaker.vocode(output, conf)
            pause, fs = pieces[number].pause, speaker.fs
            if pause and fs is not None and "wav" in output:
                silence = round(pause * fs)
                output["wav"] = _with_silence(output["wav"], silence)
            yield {**output, "text": pieces[number].item["text"]}


def _features(
    speaker: Speaker,
    pieces: Sequence[Piece],
    group: range,
    conf: dict[str, Any],
) -> Iterator[Output]:
    """Yield the features of the pieces of a group, up to one that cannot be spoken."""
    try:
        yield from speaker.features([pieces[i].item for i in group], conf)
        return
    except (InputError, TextError) as error:
        if len(pieces) == 1:
            raise
        if len(group) == 1:
            where = f"sentence {group[0] + 1} of {len(pieces)}"
            raise type(error)(f"{where}: {error}") from error
    for number in group:  # so that those before it are spoken, and it is named
        yield from _features(speaker, pieces, group[number - group[0] :][:1], conf)


def join(outputs: Sequence[Output], fs: int | None) -> Output:
    """Join the outputs of the sentences of a text to one.

    Waves, mels and what is known of each token follow one another; ``phones`` count
    from the beginning of the whole wave, pauses included. Whatever else the model gives
    is a list with an entry for each sentence.
    """
    outputs = [{k: v for k, v in out.items() if k != "text"} for out in outputs]
    if len(outputs) == 1:
        return outputs[0]
    joined: Output = {}
    for key in outputs[0]:
        values: list[Any] = [output.get(key) for output in outputs]
        if key == "phones":
            joined[key] = _follow(outputs, fs)
        elif key in JOINED and all(hasattr(v, "shape") for v in values):
            joined[key] = _cat(values)
        else:
            joined[key] = values
    return joined


def _with_silence(wav: Tensor | np.ndarray, samples: int) -> Tensor | np.ndarray:
    if isinstance(wav, np.ndarray):
        return np.pad(wav, (0, samples))
    import torch  # who has tensors has it

    return torch.nn.functional.pad(wav, (0, samples))


def _cat(parts: list[Any]) -> Tensor | np.ndarray:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    import torch

    return torch.cat(parts)


def _follow(outputs: Sequence[Output], fs: int | None) -> list[Phone]:
    phones: list[Phone] = []
    begin = 0.0
    for output in outputs:
        for token, start, end in output.get("phones", ()):
            phones.append(Phone(token, begin + start, begin + end))
        if "wav" in output and fs is not None:
            begin += len(output["wav"]) / fs
        elif phones:
            begin = phones[-1].end
    return phones
