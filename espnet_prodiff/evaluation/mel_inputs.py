"""Utterances as models take them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from espnet_prodiff.errors import DataError
from espnet_prodiff.evaluation.evaluation_set import EvaluationSet
from espnet_prodiff.fileio.audio import read_audio


@dataclass(frozen=True)
class MelInputs:
    """One utterance as a model takes it.

    Attributes:
        utt: Its name.
        text: Token ids without eos (T_text,).
        speech: The recording (T_wav,), float32.
        durations: Frames per token and eos (T_text + 1,).
        extras: ``sids`` (1,), ``lids`` (1,), ``spembs`` (D,), as the model needs them.
    """

    utt: str
    text: Tensor
    speech: Tensor
    durations: Tensor
    extras: dict[str, Tensor]


def mel_inputs(
    data: EvaluationSet, text_to_ids: Callable[[str], np.ndarray], tts: Any
) -> list[MelInputs]:
    """Prepare utterances with reference durations for models of one token list.

    ``text_to_ids`` makes token ids (T_text,) of a text; ``tts`` is the model.

    Raises:
        DataError: Durations, speaker ids, language ids or embeddings that it needs are
            missing.
    """
    if not data.durations:
        raise DataError("Mels can only be scored with --durations.")
    extras: dict[str, dict[str, Tensor]] = {utt: {} for utt in data}
    for name, size, values, kind, source in (
        ("sids", tts.spks, data.ids.get("sids"), np.int64, "utt2sid"),
        ("lids", tts.langs, data.ids.get("lids"), np.int64, "utt2lid"),
        ("spembs", tts.spk_embed_dim, data.spembs, np.float32, "--spembs"),
    ):
        if size is None:
            continue
        if not values:
            file = source if source == "--spembs" else f"{data.directory}/{source}"
            raise DataError(f"The model needs {name}: {file} is missing.")
        for utt in data:
            value = np.atleast_1d(values[utt]).astype(kind)
            extras[utt][name] = torch.from_numpy(value)
    return [
        MelInputs(
            utt=utt,
            text=torch.as_tensor(np.asarray(text_to_ids(data.texts[utt]))).long(),
            speech=torch.from_numpy(read_audio(file, utt, data.fs)).float(),
            durations=torch.from_numpy(data.durations[utt]).long(),
            extras=extras[utt],
        )
        for utt, file in data.recordings.items()
    ]
