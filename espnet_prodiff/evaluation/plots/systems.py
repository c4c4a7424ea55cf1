"""Plots of decoded systems."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from espnet_prodiff.errors import DataError
from espnet_prodiff.evaluation.evaluation_set import EvaluationSet
from espnet_prodiff.evaluation.plots.mel_axes import MelAxes
from espnet_prodiff.evaluation.plots.mels import plot_mels
from espnet_prodiff.evaluation.systems import System
from espnet_prodiff.fileio.audio import read_audio
from espnet_prodiff.fileio.tables import read_table


def plot_decoded_mels(
    systems: Sequence[System],
    feats_extract: Any,
    data: EvaluationSet,
    utts: Sequence[str],
    images: Path,
) -> list[Path]:
    """Plot each utterance's recording and every system's mel below each other.

    The pictures are ``decoded_<utterance>.png`` in ``images``, ``feats_extract`` is
    ESPnet's ``LogMelFbank``; without ``denorm/feats.scp`` a mel is that of the wave.

    Raises:
        DataError: The features of an utterance are missing.
    """
    scale = MelAxes.of_feats_extract(feats_extract)
    tables = {}
    for system in systems:
        file = system.directory / "denorm" / "feats.scp"
        tables[system] = read_table(file) if file.is_file() else None

    def mel_of(path: Path) -> np.ndarray:
        wav = torch.from_numpy(read_audio(path, utt, data.fs)).float()
        return feats_extract(wav[None])[0][0].cpu().numpy()

    files = []
    for utt in utts:
        mels = {"recording": mel_of(data.recordings[utt])}
        for system, table in tables.items():
            if table is None:
                mels[system.name] = mel_of(system.wav(utt))
            elif utt in table and Path(table[utt]).is_file():
                mels[system.name] = np.load(table[utt])
            else:
                raise DataError(
                    f"System {system.name!r}: no features of utterance {utt} in "
                    f"{system.directory}/denorm/feats.scp: decode it (stage 8)."
                )
        title = f"{utt}: {data.texts[utt]}"
        files.append(plot_mels(mels, scale, title, images / f"decoded_{utt}.png"))
    return files
