"""Speaker embeddings of recordings by ESPnet's speaker models (recipes ``spk1``)."""

import argparse
from pathlib import Path

import librosa
import numpy as np
import torch

from espnet_prodiff.errors import ConfigError
from espnet_prodiff.fileio.audio import read_recording
from espnet_prodiff.fileio.checkpoint import load_model_weights
from espnet_prodiff.fileio.yaml_files import read_yaml

RATE = 16000  # Hz, of ESPnet's recipes where a config does not tell


class SpeakerEncoder:
    """A recording to its speaker embedding, the ``spembs`` of a model that takes them.

    Attributes:
        fs: Sampling rate that the model hears, in Hz.
    """

    def __init__(self, model_file: str | Path, device: str = "cpu") -> None:
        """Load weights, with the config.yaml of their training beside them.

        Raises:
            FileNotFoundError: A file does not exist.
            ConfigError: The config is not of a speaker model.
            CheckpointError: The weights are damaged, hold code or do not fit.
        """
        from espnet2.tasks.spk import SpeakerTask  # slow to import

        path = Path(model_file).with_name("config.yaml")
        config = read_yaml(path, "config of the speaker model")
        missing = [key for key in ("encoder", "pooling", "projector", "spk_num")]
        missing = [key for key in missing if key not in config]
        if missing:
            raise ConfigError(
                f"{path} is of no speaker model of ESPnet: it lacks "
                f"{', '.join(missing)}; train one with a recipe spk1, or unpack one"
            )
        self.fs = int(config.get("sample_rate") or RATE)
        model = SpeakerTask.build_model(argparse.Namespace(**config))
        load_model_weights(model, model_file)
        self._model = model.eval().to(device)
        self._device = device

    @torch.no_grad()
    def __call__(
        self, wav: str | Path | np.ndarray, fs: int | None = None
    ) -> np.ndarray:
        """Return the embedding (D,), float32.

        Args:
            wav: A sound file, or samples (T_wav,) in [-1, 1].
            fs: Rate of samples in Hz; default: the model's.

        Raises:
            DataError: The file cannot be read, or is not mono.
        """
        if isinstance(wav, str | Path):
            recording = read_recording(wav, Path(wav).stem)
            wav, fs = recording.samples, recording.fs
        if fs not in (None, self.fs):
            wav = librosa.resample(np.asarray(wav), orig_sr=fs, target_sr=self.fs)
        speech = torch.as_tensor(np.asarray(wav, np.float32), device=self._device)
        embedding = self._model(speech=speech[None], extract_embd=True)
        return embedding[0].float().cpu().numpy()
