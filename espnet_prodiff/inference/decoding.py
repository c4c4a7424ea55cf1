"""Stage 8 as a library: speak texts or a data directory into ESPnet's layout.

Utterances go through the model in batches. Those that cannot be spoken are named at the
end; all others are spoken. Every utterance's noise is drawn from the seed, so it sounds
the same whatever its batch and its place in the list.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from espnet2.tasks.tts import TTSTask
from tqdm import tqdm

from espnet_prodiff.errors import check_positive
from espnet_prodiff.fileio import kaldi  # noqa: F401 - guards ESPnet's readers
from espnet_prodiff.fileio.tables import check_id, read_table
from espnet_prodiff.inference.features import Output
from espnet_prodiff.inference.output import OutputWriter
from espnet_prodiff.inference.streaming import INPUTS
from espnet_prodiff.inference.text2speech import Text2Speech

WORD = re.compile(r"[A-Z]?[a-z]+('[a-z]+)?[,.;:!?]*|[AI]")

Utterance = tuple[str, dict[str, Any]]


def decode_texts(
    text2speech: Text2Speech,
    texts: Sequence[str],
    output_dir: str | Path,
    *,
    batch_size: int = 1,
    seed: int = 0,
) -> list[str]:
    """Speak texts; the utterances are named text1, text2 and so on.

    Returns the name of each utterance that could not be spoken, and why.

    Args:
        text2speech: The model. Without its ``vocoder`` mels alone are written.
        texts: The texts.
        output_dir: See `OutputWriter`.
        batch_size: Utterances that go through the model together.
        seed: Of every utterance's noise.

    Raises:
        UserError: An option cannot be used.
    """
    preprocess = _Preprocess(text2speech)
    utterances = (
        (f"text{number}", preprocess(f"text{number}", {"text": text}))
        for number, text in enumerate(texts, 1)
    )
    return _decode(text2speech, utterances, len(texts), output_dir, batch_size, seed)


def decode_files(
    text2speech: Text2Speech,
    files: Sequence[tuple[str, str, str]],
    output_dir: str | Path,
    *,
    key_file: str | Path | None = None,
    batch_size: int = 1,
    seed: int = 0,
    num_workers: int = 1,
    allow_variable_data_keys: bool = False,
) -> list[str]:
    """Speak the utterances of a data directory; see `decode_texts` for the rest.

    Args:
        text2speech: The model.
        files: Path, name and type of each input, as for ESPnet's
            ``--data_path_and_name_and_type``; "speech" counts where the model takes it.
        output_dir: See `OutputWriter`.
        key_file: A table of the utterances; by default the first of the files.
        batch_size: Utterances that go through the model together.
        seed: Of every utterance's noise.
        num_workers: Processes that read the files.
        allow_variable_data_keys: Whether names that no model knows are let pass.

    Raises:
        UserError: An option or file cannot be used.
        FileNotFoundError: A file does not exist.
    """
    ids = read_table(key_file or files[0][0])
    for name in ids:
        check_id(name, str(key_file or files[0][0]))
    _warn_of_words(ids, files[0][0])
    utterances = TTSTask.build_streaming_iterator(
        [file for file in files if file[1] != "speech" or text2speech.use_speech],
        dtype="float64" if text2speech.dtype == "float64" else "float32",
        batch_size=1,
        key_file=None if key_file is None else str(key_file),
        num_workers=num_workers,
        preprocess_fn=_Preprocess(text2speech),
        collate_fn=_only,
        allow_variable_data_keys=allow_variable_data_keys,
        inference=True,
    )
    return _decode(text2speech, utterances, len(ids), output_dir, batch_size, seed)


def _warn_of_words(ids: Iterable[str], path: str | Path) -> None:
    """Warn where the first words of a text are taken for ids, and not spoken."""
    words = [name for name in ids if WORD.fullmatch(name)]
    if 2 * len(words) > len(list(ids)):
        logging.warning(
            f"the ids of {path} look like words ({', '.join(words[:3])}): the first "
            "word of a line is its id and is not spoken. Lines of text alone are "
            "spoken by espnet-prodiff say -f"
        )


def _only(batch: list[Utterance]) -> Utterance:
    return batch[0]


class _Preprocess:
    """Text to ids inside a loader's worker, which may not raise.

    What is wrong travels as bytes, because ESPnet's dataset lets arrays pass alone.
    """

    def __init__(self, text2speech: Text2Speech) -> None:
        self.text_to_ids = text2speech.text_to_ids
        self.preprocess = text2speech.preprocess_fn

    def __call__(self, key: str, data: dict[str, Any]) -> dict[str, np.ndarray]:
        try:
            if isinstance(data["text"], str):
                data["text"] = self.text_to_ids(data["text"])
        except ValueError as error:
            problem = f"utterance {key}: {error}".encode()
            return {"problem": np.frombuffer(problem, np.uint8).astype(np.int64)}
        return data if self.preprocess is None else self.preprocess(key, data)


def _decode(
    text2speech: Text2Speech,
    utterances: Iterable[Utterance],
    total: int,
    output_dir: str | Path,
    batch_size: int,
    seed: int,
) -> list[str]:
    check_positive("batch_size", batch_size)
    conf = text2speech.options(seed=seed)
    with OutputWriter(output_dir, text2speech.fs) as writer:
        decoder = _Decoder(text2speech, conf, writer)
        batch: list[Utterance] = []
        for key, data in tqdm(utterances, total=total, unit="utt", disable=None):
            if "problem" in data:
                decoder.fail(bytes(data["problem"].tolist()).decode())
                continue
            batch.append((key, data))
            if len(batch) == batch_size:
                decoder.speak(batch)
                batch = []
        if batch:
            decoder.speak(batch)
    return decoder.failures


class _Decoder:
    """Speaks batches, writes them with their times and collects failures."""

    def __init__(
        self, text2speech: Text2Speech, conf: dict[str, Any], writer: OutputWriter
    ) -> None:
        self.text2speech, self.conf, self.writer = text2speech, conf, writer
        self.failures: list[str] = []

    def fail(self, problem: str) -> None:
        self.failures.append(problem)
        logging.error(problem)

    def speak(self, batch: list[Utterance]) -> None:
        """Speak a batch; if one of it cannot be spoken, the others are spoken alone."""
        names = {"text", *INPUTS}
        items = [{k: v for k, v in x.items() if k in names} for _, x in batch]
        start = self._clock()
        try:
            outputs = self.text2speech.features(items, self.conf)
        # torch says RuntimeError where memory ends.
        except (ValueError, LookupError, AssertionError, RuntimeError) as error:
            if len(batch) > 1:
                for utterance in batch:
                    self.speak([utterance])
            else:
                self.fail(f"utterance {batch[0][0]}: {error}")
            return
        # A batch's time is shared out by length.
        per_frame = (self._clock() - start) / sum(map(_length, outputs))
        for (key, data), out in zip(batch, outputs, strict=True):
            start = self._clock()
            self.text2speech.vocode(out, self.conf)
            vocoder_seconds = self._clock() - start
            self.writer.write(key, out, per_frame * _length(out), vocoder_seconds)
            logging.info(f"{key} (size:{len(data['text']) + 1}->{_length(out)})")

    def _clock(self) -> float:
        if torch.device(self.text2speech.device).type == "cuda":
            torch.cuda.synchronize(self.text2speech.device)
        return time.perf_counter()


def _length(output: Output) -> int:
    feats = output.get("feat_gen")
    return len(output["wav"] if feats is None else feats)
