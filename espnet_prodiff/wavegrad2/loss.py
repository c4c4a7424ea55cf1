"""Training of WaveGrad 2 beside the diffusion: durations, mel, SpecAugment."""

from typing import Any

from espnet2.asr.specaug.specaug import SpecAug
from torch import Tensor, nn

from espnet_prodiff.common.padding import length_mask
from espnet_prodiff.diffusion import absolute_error, widened
from espnet_prodiff.errors import UserError


def duration_loss(predicted: Tensor, durations: Tensor, lengths: Tensor) -> Tensor:
    """Mean squared error of log(frames + 1), over the tokens of all utterances.

    NOTE: as everywhere in ESPnet; the paper's is of the durations.

    From log-durations (B, N), frames of each token (B, N) and numbers of tokens (B,).
    """
    predicted = widened(predicted)
    mask = length_mask(lengths, durations.shape[1], predicted.dtype)[:, 0]
    target = (durations + 1).to(predicted.dtype).log()
    return ((predicted - target) ** 2 * mask).sum() / mask.sum()


def mel_loss(mel_proj: nn.Module, cond: Tensor, mel: Tensor, valid: Tensor) -> Tensor:
    """L1 of the mel as a linear layer reads it from the upsampled frames.

    From the frames (B, C, F), the mel (B, n_mels, F) and the frames inside the
    utterances, (B, F).
    """
    prediction = widened(mel_proj(cond.transpose(1, 2)).transpose(1, 2))
    mask = valid.to(prediction.dtype)[:, None]
    return absolute_error(prediction, mel, mask).mean()


def build_specaug(conf: dict[str, Any] | None) -> SpecAug | None:
    """ESPnet's SpecAug without its time warp, which is on by default.

    Raises:
        UserError: If the time warp is asked for.
    """
    if conf is None:
        return None
    if conf.get("apply_time_warp"):
        raise UserError(
            "apply_time_warp of specaug_conf must be false: the frames would no longer "
            "be those of the wave"
        )
    return SpecAug(**{**conf, "apply_time_warp": False})
