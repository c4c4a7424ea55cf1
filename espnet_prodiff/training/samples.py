"""See and hear a training: a few validation sentences, spoken between the epochs.

They are drawn (mel, ends of tokens, F0; the recording above) and heard in TensorBoard
and in ``samples/`` of the experiment directory. ``--num_att_plot``, ESPnet's number of
sentences to plot, is their number; 0 leaves them out.
"""

import contextlib
import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from espnet2.torch_utils.device_funcs import to_device
from espnet2.tts.espnet_model import ESPnetTTSModel
from espnet2.tts.feats_extract.dio import Dio
from torch import Tensor

from espnet_prodiff.common.model import DiffusionTTS
from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.atomic import atomic_path
from espnet_prodiff.fileio.figures import save_figure
from espnet_prodiff.spectral_vocoder.features import LinearMels, inversion_of
from espnet_prodiff.training.sample_figure import Spoken, draw

SHARE = 0.02  # of the training's time, besides the last samples
ROUNDS = 8  # of Griffin-Lim, where the model makes mels
SIDE_INPUTS = ("sids", "lids", "spembs")


class Samples:
    """Speaks and draws sentences whenever its share of the time allows it."""

    def __init__(self) -> None:
        self.began, self.spent = time.perf_counter(), 0.0

    def are_due(self) -> bool:
        """True unless more than `SHARE` of the training's time went into samples."""
        return self.spent <= SHARE * (time.perf_counter() - self.began)

    def show(
        self,
        model: ESPnetTTSModel,
        iterator: Iterable[tuple[Sequence[str], dict[str, Tensor]]],
        folder: Path,
        epoch: int,
        device: str,
        writer: Any = None,
    ) -> None:
        """Speak and draw the sentences of a validation iterator.

        torch's own random numbers stay as they were.

        Args:
            model: In evaluation mode, so its weights are those that are saved.
            iterator: ESPnet's: utterances and batches of one.
            folder: Gets a folder of each sentence, with PNG and Ogg files.
            epoch: Of the training.
            device: Of the model.
            writer: TensorBoard's, or None.
        """
        start = time.perf_counter()
        devices = range(torch.cuda.device_count()) if device == "cuda" else ()
        with torch.no_grad(), torch.random.fork_rng(devices=devices):
            for utterances, batch in iterator:
                try:
                    spoken = speak(model, to_device(batch, device))
                except (UserError, RuntimeError, ValueError) as error:
                    # As early in a training; it goes on.
                    logging.warning(f"no sample of {utterances[0]}: {error}")
                    continue
                fs, hop = rate_and_hop(model)
                title = f"{utterances[0]}, epoch {epoch}"
                figure = draw(*spoken, hop / fs, title)
                place = folder / utterances[0]
                save_figure(figure, place / f"epoch{epoch:04d}.png")
                _save_ogg(place / f"epoch{epoch:04d}.ogg", spoken[1].wav, fs)
                if not (place / "reference.ogg").exists():
                    _save_ogg(place / "reference.ogg", spoken[0].wav, fs)
                if writer is not None:
                    tag = f"samples/{utterances[0]}"
                    writer.add_figure(tag, figure, epoch)
                    writer.add_audio(tag, spoken[1].wav, epoch, fs)
        now = time.perf_counter()
        self.spent += now - start
        share = self.spent / (now - self.began)
        logging.info(f"samples: {now - start:.2f} s, {share:.1%} of the time so far")


def speak(model: ESPnetTTSModel, batch: dict[str, Tensor]) -> tuple[Spoken, Spoken]:
    """Return a recording and what a model makes of its text, or of its mel.

    Args:
        model: Of this package, on log-mels.
        batch: Of one utterance, as ESPnet collates it.
    """
    speech = batch["speech"][0]
    options: dict[str, Any] = {
        name: batch[name][0] for name in SIDE_INPUTS if name in batch
    }
    if isinstance(model.tts, DiffusionTTS):
        options["seed"] = 0
    from_mel = model.tts.conditioning == "mel"
    out = model.inference(
        batch["text"][0], speech, use_teacher_forcing=from_mel, **options
    )
    wav = out["wav"] if "wav" in out else _wave(model, out["feat_gen"])
    given = spoken = None  # frames of each token
    if model.tts.conditioning == "text":
        given, spoken = _array(batch["durations"])[0], _array(out["duration"])
    mel = out.get("feat_gen_denorm", out.get("feat_gen"))
    return (
        _spoken(model, speech, durations=given),
        _spoken(model, wav, mel, spoken),
    )


def rate_and_hop(model: ESPnetTTSModel) -> tuple[int, int]:
    """Return sampling rate in Hz and hop in samples."""
    return model.feats_extract.fs, model.feats_extract.hop_length


def _wave(model: ESPnetTTSModel, feats: Tensor) -> Tensor:
    with _on_cpu(model.feats_extract) as features, _on_cpu(model.normalize) as norm:
        linear = LinearMels(features, norm)(feats.cpu())
        return inversion_of(features, ROUNDS)([linear])[0]


@contextlib.contextmanager
def _on_cpu(module: torch.nn.Module | None) -> Any:
    if module is None:
        yield None
        return
    device = next((x.device for x in module.buffers()), torch.device("cpu"))
    try:
        yield module.cpu()
    finally:
        module.to(device)


def _spoken(
    model: ESPnetTTSModel,
    wav: Tensor,
    mel: Tensor | None = None,
    durations: np.ndarray | None = None,
) -> Spoken:
    fs, hop = rate_and_hop(model)
    if mel is None:
        device = next(model.parameters()).device
        mel = model.feats_extract(wav[None].to(device))[0][0]
    base = model.feats_extract.logmel.log_base
    decibels = 20 / np.log(10) * (1 if base is None else np.log(base))
    pitch = Dio(
        fs=fs,
        n_fft=model.feats_extract.n_fft,
        hop_length=hop,
        use_token_averaged_f0=False,
        use_continuous_f0=False,
        use_log_f0=False,
    )
    f0 = pitch(wav[None].detach().cpu().float())[0][0, :, 0]
    return Spoken(_array(wav), _array(mel) * decibels, _array(f0), durations)


def _array(values: Tensor) -> np.ndarray:
    return values.detach().float().cpu().numpy()


def _save_ogg(path: Path, wav: np.ndarray, fs: int) -> None:
    with atomic_path(path) as temporary:
        soundfile.write(temporary, wav, fs, format="OGG", subtype="VORBIS")
