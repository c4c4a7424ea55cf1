"""DiffWave's denoising network: a bidirectional dilated residual stack over samples."""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_prodiff.common.modules import Modules
from espnet_prodiff.common.residual import ResidualLayer, run_stack
from espnet_prodiff.diffusion.loss import TRAIN_TIMES
from espnet_prodiff.diffwave.upsampling import MelUpsampler
from espnet_prodiff.errors import UserError, check_choice

EMBEDDING = 128  # size of the step embedding's sinusoids and of a label's embedding
STEP_CHANNELS = 512
KERNEL_SIZE = 3


class StepEmbedding(nn.Module):
    """Sinusoids of the time, then two layers shared by the stack (DiffWave, eq. 8).

    "discrete": sin and cos of 10^(4 i / 63) t, i = 0 ... 63. At up to 10^4 rad a step,
    they say nothing of a time between two trained ones: there they are interpolated.
    "continuous": sin and cos of 10^(-4 i / 63) t, smooth in t.

    Args:
        times: Times that the network is trained at, "discrete" or "continuous".
        interpolate: False for students of checkpoint format 1, which were trained at
            fractional times without it.

    Raises:
        UserError: If ``times`` is neither.
    """

    def __init__(self, times: str = "discrete", interpolate: bool = True) -> None:
        super().__init__()
        check_choice("train_times", times, TRAIN_TIMES)
        self.times = times
        self.interpolate = interpolate and times == "discrete"
        self.mlp = nn.Sequential(
            nn.Linear(EMBEDDING, STEP_CHANNELS),
            nn.SiLU(),
            nn.Linear(STEP_CHANNELS, STEP_CHANNELS),
            nn.SiLU(),
        )

    def forward(self, noise_cond: Tensor) -> Tensor:
        """Embed times (B,) -> (B, 512)."""
        t = noise_cond.double()
        sinusoids = self._sinusoids(t.floor() if self.interpolate else t)
        if self.interpolate:
            share = (t - t.floor())[:, None]
            sinusoids = torch.lerp(sinusoids, self._sinusoids(t.ceil()), share)
        first = cast(nn.Linear, self.mlp[0])
        return self.mlp(sinusoids.to(first.weight.dtype))

    def _sinusoids(self, t: Tensor) -> Tensor:
        # The angles reach 10^4 T: in float32 they would be off by a tenth of a radian.
        exponents = torch.linspace(
            0, 4, EMBEDDING // 2, dtype=torch.float64, device=t.device
        )
        if self.times == "continuous":
            exponents = -exponents
        angles = t[:, None] * 10**exponents
        return torch.cat([angles.sin(), angles.cos()], dim=1)


class PreparedCond(NamedTuple):
    """A conditioning after ``DiffWaveNetwork.prepare_cond``.

    Attributes:
        features: The upsampled mel (B, n_mels, L), or a label's embedding (B, 128, 1).
        cond: The conditioning before that.
    """

    features: Tensor
    cond: Tensor


class DiffWaveNetwork(nn.Module):
    """``network`` of DiffWave's Denoiser (Kong et al. 2021, section 3 and fig. 2).

    The defaults are BASE. LARGE has 128 channels; the unconditional model has 36 layers
    of 256 channels and a cycle of 12.

    NOTE: one mel upsampler serves all layers and no weight is normalised; the paper's
    authors have an upsampler for each layer and weight normalisation in their counts.

    Args:
        channels: Channels of the residual stack.
        layers: Number of residual layers.
        dilation_cycle: Dilations run 1, 2, 4 ... over so many layers, then start over.
        n_mels: Mel bins, for a vocoder; with ``hop_length``.
        hop_length: Samples of a mel frame.
        num_labels: Number of labels, for a class-conditional model.
        train_times: Times that the network is trained at, see ``StepEmbedding``.
        interpolate_times: See there.

    Raises:
        UserError: If a size is not positive, or if the conditioning is neither a mel
            (``n_mels`` and ``hop_length``), nor a label, nor nothing.
    """

    LAYER_MAJOR = ("step_proj",)  # serves all layers at once, layer by layer

    def __init__(
        self,
        channels: int = 64,
        layers: int = 30,
        dilation_cycle: int = 10,
        *,
        n_mels: int | None = None,
        hop_length: int | None = None,
        num_labels: int | None = None,
        train_times: str = "discrete",
        interpolate_times: bool = True,
    ) -> None:
        super().__init__()
        sizes = {"channels": channels, "layers": layers, "n_mels": n_mels}
        sizes |= {"dilation_cycle": dilation_cycle, "num_labels": num_labels}
        for name, size in sizes.items():
            if size is not None and size < 1:
                raise UserError(f"{name} must be positive, but it is {size}")
        if (n_mels is None) != (hop_length is None):
            raise UserError(
                "n_mels and hop_length come together, but n_mels is "
                f"{n_mels} and hop_length is {hop_length}"
            )
        if n_mels is not None and num_labels is not None:
            raise UserError(
                "the conditioning is a mel or a label, but both n_mels "
                f"({n_mels}) and num_labels ({num_labels}) are given"
            )
        self.n_mels, self.hop_length, self.num_labels = n_mels, hop_length, num_labels
        self.upsampler = None if hop_length is None else MelUpsampler(hop_length)
        self.label_embedding = None
        if num_labels is not None:
            self.label_embedding = nn.Embedding(num_labels, EMBEDDING)
        cond_channels = n_mels or (0 if num_labels is None else EMBEDDING)

        self.in_proj = nn.Conv1d(1, channels, 1)
        self.step_embedding = StepEmbedding(train_times, interpolate_times)
        # One product for all layers: faster than a small one inside every layer.
        self.step_proj = nn.Linear(STEP_CHANNELS, layers * channels)
        dilations = [2 ** (i % dilation_cycle) for i in range(layers)]
        self.layers: Modules[ResidualLayer] = Modules(
            ResidualLayer(channels, KERNEL_SIZE, dilation, cond_channels)
            for dilation in dilations
        )
        self.skip_proj = nn.Conv1d(channels, channels, 1)
        self.out_proj = nn.Conv1d(channels, 1, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight)
        for parameter in self.out_proj.parameters():
            nn.init.zeros_(parameter)

    @property
    def receptive_field(self) -> int:
        """Input samples that reach one output sample."""
        return 1 + (KERNEL_SIZE - 1) * sum(layer.dilation for layer in self.layers)

    def prepare_cond(self, cond: Tensor | None) -> PreparedCond | None:
        """Upsample the mel, or embed the label: the same at every step.

        Raises:
            UserError: If ``cond``, as for ``forward``, does not fit the model.
        """
        self.check_cond(cond)
        if cond is None:
            return None
        if self.upsampler is not None:
            return PreparedCond(self.upsampler(cond), cond)
        if self.label_embedding is not None:
            return PreparedCond(self.label_embedding(cond).unsqueeze(-1), cond)
        return None

    def forward(
        self,
        x_t: Tensor,
        noise_cond: Tensor,
        cond: Tensor | PreparedCond | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Apply the network to a wave (B, 1, L) -> (B, 1, L): zeros before training.

        Args:
            x_t: Noisy wave, (B, 1, L).
            noise_cond: Time on [0, T], whole or fractional, (B,).
            cond: The mel (B, n_mels, F) with L = F * hop, the labels (B,), or None, as
                the model was built; or what ``prepare_cond`` made of it.
            mask: (B, 1, L), 1 = valid; whole frames where the conditioning is a mel.

        Raises:
            UserError: If the conditioning does not fit the model or the wave.
        """
        features = self._features(cond, x_t, mask)
        steps = self.step_proj(self.step_embedding(noise_cond))
        hidden = F.relu(self.in_proj(x_t))
        conds = [features] * len(self.layers)
        skips = run_stack(self.layers, hidden, steps, conds, mask)
        return self.out_proj(F.relu(self.skip_proj(skips)))

    def check_cond(self, cond: Tensor | None, length: int | None = None) -> None:
        """Refuse a conditioning that does not fit the model, or a wave of a length.

        Raises:
            UserError: If ``cond``, as for ``forward``, does not fit.
        """
        if self.upsampler is not None:
            self._check_mel(cond, length, self.upsampler.hop_length)
        elif self.label_embedding is not None:
            self._check_labels(cond, self.label_embedding.num_embeddings)
        elif cond is not None:
            raise UserError(
                "this DiffWave is unconditional (neither n_mels nor num_labels): cond "
                f"must be None, but it is of shape {tuple(cond.shape)}"
            )

    def _features(
        self, cond: Tensor | PreparedCond | None, x_t: Tensor, mask: Tensor | None
    ) -> Tensor | None:
        prepared = None
        if isinstance(cond, PreparedCond):
            prepared, cond = cond, cond.cond
        self.check_cond(cond, x_t.shape[-1])
        if self.upsampler is not None and mask is not None:
            return self.upsampler(cond, mask)  # padding must not reach valid samples
        prepared = prepared or self.prepare_cond(cond)
        return None if prepared is None else prepared.features

    def _check_mel(self, mel: Tensor | None, length: int | None, hop: int) -> None:
        if (
            mel is None
            or mel.dim() != 3
            or mel.shape[1] != self.n_mels
            or mel.shape[-1] == 0
        ):
            shape = "None" if mel is None else f"of shape {tuple(mel.shape)}"
            raise UserError(
                f"cond must be a mel (B, {self.n_mels}, F), F > 0: this DiffWave was "
                f"built for {self.n_mels} mel bins, but cond is {shape}"
            )
        if length is not None and mel.shape[-1] * hop != length:
            frames = mel.shape[-1]
            raise UserError(
                f"the wave must have {frames} * {hop} = {frames * hop} samples for a "
                f"mel of {frames} frames with a hop of {hop}, but it has {length}"
            )

    def _check_labels(self, labels: Tensor | None, count: int) -> None:
        if labels is None or labels.dim() != 1 or labels.is_floating_point():
            shape = "None"
            if labels is not None:
                shape = f"{labels.dtype} of shape {tuple(labels.shape)}"
            raise UserError(
                "cond must be the labels (B,) as integers: this DiffWave is "
                f"class-conditional, but cond is {shape}"
            )
        if labels.device.type != "cpu":
            return  # reading a value back from a GPU would stall it
        if not ((labels >= 0) & (labels < count)).all():
            raise UserError(
                f"labels must lie in 0 ... {count - 1}, the labels that this DiffWave "
                f"was built for, but they are {labels.tolist()}"
            )
