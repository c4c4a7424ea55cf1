"""The files of inference: ESPnet's layout, and how long each utterance took."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from espnet2.fileio.npy_scp import NpyScpWriter

from espnet_prodiff.fileio.audio import write_audio
from espnet_prodiff.fileio.tables import check_id


class OutputWriter:
    """Writes ``norm denorm wav speech_shape durations focus_rates att_ws probs speed``.

    Folders of what the model does not give are absent, as ESPnet leaves it.
    ``speed/speed`` has lines "utt audio_seconds model_seconds vocoder_seconds".
    """

    TABLES = ("speech_shape", "durations", "focus_rates", "speed")

    def __init__(self, output_dir: str | Path, fs: int | None) -> None:
        """Write to a folder, at ``fs`` Hz; earlier results there are replaced."""
        self.root = Path(output_dir)
        self.fs = fs
        self._tables: dict[str, TextIO] = {}
        self._arrays: dict[str, NpyScpWriter] = {}

    def __enter__(self) -> OutputWriter:
        for name in (*self.TABLES, "norm", "denorm", "wav", "att_ws", "probs"):
            shutil.rmtree(self.root / name, ignore_errors=True)
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "speech_shape").mkdir()
        (self.root / "speech_shape/speech_shape").touch()
        return self

    def __exit__(self, *_: object) -> None:
        for file in (*self._tables.values(), *self._arrays.values()):
            file.close()

    def write(
        self,
        key: str,
        output: dict[str, Any],
        model_seconds: float,
        vocoder_seconds: float,
    ) -> None:
        """Write one utterance.

        Args:
            key: Its name.
            output: Of `Text2Speech`.
            model_seconds: Time from text to features.
            vocoder_seconds: Time from features to the wave.

        Raises:
            DataError: The name leads out of the folder.
        """
        check_id(key)
        tensors = {k: v for k, v in output.items() if isinstance(v, torch.Tensor)}
        arrays = {k: v.float().cpu().numpy() for k, v in tensors.items()}
        if "feat_gen" in arrays:
            self._array("norm", key, arrays["feat_gen"])
            shape = map(str, arrays["feat_gen"].shape)
            self._line("speech_shape", key, ",".join(shape))
        if "feat_gen_denorm" in arrays:
            self._array("denorm", key, arrays["feat_gen_denorm"])
        if "duration" in arrays:
            durations = output["duration"].long().tolist()
            self._line("durations", key, " ".join(map(str, durations)))
        if "focus_rate" in arrays:
            self._line("focus_rates", key, f"{float(arrays['focus_rate']):.5f}")
        if "att_w" in arrays:
            plot_attention(arrays["att_w"], key, self._folder("att_ws") / f"{key}.png")
        if "prob" in arrays:
            plot_stop(arrays["prob"], key, self._folder("probs") / f"{key}.png")
        if "wav" in arrays:
            if self.fs is None:
                raise TypeError("there is a wave, but fs is None")
            file = self._folder("wav") / f"{key}.wav"
            write_audio(file, arrays["wav"], self.fs)
            seconds = (len(arrays["wav"]) / self.fs, model_seconds, vocoder_seconds)
            self._line("speed", key, " ".join(f"{s:.6f}" for s in seconds))

    def _folder(self, name: str) -> Path:
        (self.root / name).mkdir(exist_ok=True)
        return self.root / name

    def _line(self, name: str, key: str, value: str) -> None:
        if name not in self._tables:
            path = self._folder(name) / name
            self._tables[name] = path.open("w", encoding="utf-8", buffering=1)
        self._tables[name].write(f"{key} {value}\n")

    def _array(self, name: str, key: str, value: np.ndarray) -> None:
        if name not in self._arrays:
            folder = self._folder(name)
            self._arrays[name] = NpyScpWriter(folder, folder / "feats.scp")
        self._arrays[name][key] = value


def plot_attention(att_w: np.ndarray, title: str, path: Path) -> None:
    """Plot attention weights ``(T_out, T_in)`` or ``(layers, heads, T_out, T_in)``."""
    att_w = att_w.reshape(-1, *att_w.shape[-2:]) if att_w.ndim > 2 else att_w[None]
    figure, axes = _figure(title, len(att_w))
    for axis, weights in zip(axes, att_w, strict=True):
        axis.imshow(weights, aspect="auto", origin="lower")
        axis.set(xlabel="Input", ylabel="Output")
    figure.savefig(path)


def plot_stop(prob: np.ndarray, title: str, path: Path) -> None:
    """Plot stop probabilities ``(T_out,)``."""
    figure, (axis,) = _figure(title, 1)
    axis.plot(prob)
    axis.set(xlabel="Output", ylabel="Stop probability", ylim=(0, 1))
    axis.grid(which="both")
    figure.savefig(path)


def _figure(title: str, count: int) -> tuple[Any, list[Any]]:
    from espnet_prodiff.fileio.figures import new_figure  # slow to import

    columns = min(count, 4)
    rows = -(-count // columns)
    figure = new_figure(5 * columns, 4 * rows)
    figure.suptitle(title)
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)[:count]
