"""Texts of any length: sentence by sentence, and joined again.

Every sentence is synthesised as it would be alone, with the same seed, so that memory
does not grow with the text and nothing depends on what stands around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from espnet_prodiff.errors import InputError, TextError
from espnet_prodiff.inference.features import Output
from espnet_prodiff.inference.phones import Phone
from espnet_prodiff.inference.prosody import Prosody
from espnet_prodiff.inference.sentences import MAX_CHARS, split_sentences

if TYPE_CHECKING:
    from espnet_prodiff.inference.text2speech import Text2Speech

JOINED = ("wav", "feat_gen", "feat_gen_denorm", "duration", "pitch", "energy")
TOGETHER = 8  # sentences that go through the model at once

Item = dict[str, Any]  # the text and the other inputs of an utterance


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
    text2speech: Text2Speech, pieces: Sequence[Piece], conf: dict[str, Any]
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
        outputs = _features(text2speech, pieces, group, conf)
        for number, output in zip(group, outputs, strict=True):
            output = text2speech.vocode(output, conf)
            if pieces[number].pause and "wav" in output:
                silence = round(pieces[number].pause * text2speech.fs)
                output["wav"] = torch.nn.functional.pad(output["wav"], (0, silence))
            yield {**output, "text": pieces[number].item["text"]}


def _features(
    text2speech: Text2Speech,
    pieces: Sequence[Piece],
    group: range,
    conf: dict[str, Any],
) -> Iterator[Output]:
    """Yield the features of the pieces of a group, up to one that cannot be spoken."""
    try:
        yield from text2speech.features([pieces[i].item for i in group], conf)
        return
    except (InputError, TextError) as error:
        if len(pieces) == 1:
            raise
        if len(group) == 1:
            where = f"sentence {group[0] + 1} of {len(pieces)}"
            raise type(error)(f"{where}: {error}") from error
    for number in group:  # so that those before it are spoken, and it is named
        yield from _features(text2speech, pieces, group[number - group[0] :][:1], conf)


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
        values = [output.get(key) for output in outputs]
        if key == "phones":
            joined[key] = _follow(outputs, fs)
        elif key in JOINED and all(isinstance(v, torch.Tensor) for v in values):
            joined[key] = torch.cat(values)
        else:
            joined[key] = values
    return joined


def _follow(outputs: Sequence[Output], fs: int | None) -> list[Phone]:
    phones: list[Phone] = []
    begin = 0.0
    for output in outputs:
        for token, start, end in output.get("phones", ()):
            phones.append(Phone(token, begin + start, begin + end))
        if "wav" in output:
            begin += len(output["wav"]) / fs
        elif phones:
            begin = phones[-1].end
    return phones
