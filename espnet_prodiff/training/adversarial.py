"""Adversarial training of the spectral vocoder by ESPnet's GAN trainer.

Discriminators and losses are those of ESPnet's HiFi-GAN (Kong et al. 2020, 2010.05646).
Model files hold the vocoder alone; the discriminator's weights are in
``checkpoint.pth``, in its optimizer's state, for a training that goes on.
"""

import argparse
import math
from collections.abc import Mapping
from typing import Any

import torch
from espnet2.gan_tts.hifigan.hifigan import HiFiGANMultiScaleMultiPeriodDiscriminator
from espnet2.gan_tts.hifigan.loss import (
    DiscriminatorAdversarialLoss,
    FeatureMatchLoss,
    GeneratorAdversarialLoss,
)
from espnet2.train.gan_trainer import GANTrainer, GANTrainerOptions
from espnet2.tts.espnet_model import ESPnetTTSModel
from espnet2.utils.build_dataclass import build_dataclass
from torch import Tensor, nn

from espnet_prodiff.errors import ConfigError, check_choice
from espnet_prodiff.spectral_vocoder.loss import SpectralObjective
from espnet_prodiff.training.trainer import DiffusionTrainer

TURNS = ("generator", "discriminator")


class AdversarialObjective:
    """Least-squares GAN loss, feature matching and log-mel distance (HiFi-GAN, eq. 7).

    Args:
        spectral: Distance of waves; its log-mel part counts.
        discriminator: (B, 1, T_wav) -> ESPnet's lists of outputs.
        adversarial_weight: Of the discriminators' judgement.
        feature_weight: Of feature matching.
        mel_weight: Of the log-mel distance.

    Attributes:
        turn: Whose loss a call returns, "generator" or "discriminator".
    """

    def __init__(
        self,
        spectral: SpectralObjective,
        discriminator: nn.Module,
        adversarial_weight: float = 1.0,
        feature_weight: float = 2.0,
        mel_weight: float = 45.0,
    ) -> None:
        weights = (adversarial_weight, feature_weight, mel_weight)
        names = ("adversarial_weight", "feature_weight", "mel_weight")
        for name, weight in zip(names, weights, strict=True):
            if not (isinstance(weight, int | float) and 0 <= weight < math.inf):
                raise ConfigError(
                    f"{name} of adversarial must be a number >= 0, but it is {weight!r}"
                )
        self.weights = weights
        self.spectral, self.discriminator = spectral, discriminator
        self.judgement = GeneratorAdversarialLoss()
        self.features = FeatureMatchLoss()
        self.verdicts = DiscriminatorAdversarialLoss()
        self.turn = TURNS[0]

    def __call__(self, fake: Tensor, real: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss and statistics of waves (B, T_wav), for whose turn it is."""
        if self.turn == "discriminator":
            theirs = self.discriminator(fake.detach()[:, None])
            ours = self.discriminator(real[:, None])
            on_real, on_fake = self.verdicts(theirs, ours)
            loss = on_real + on_fake
            return loss, {
                "discriminator_loss": loss.detach(),
                "discriminator_real_loss": on_real.detach(),
                "discriminator_fake_loss": on_fake.detach(),
            }
        distance = self.spectral.distance.to(fake.device)(fake, real)
        theirs = self.discriminator(fake[:, None])
        with torch.no_grad():
            ours = self.discriminator(real[:, None])
        parts = (
            self.judgement(theirs),
            self.features(theirs, ours),
            distance["log_mel"],
        )
        loss = sum(w * part for w, part in zip(self.weights, parts, strict=True))
        stats = {
            "loss": loss,
            "adversarial_loss": parts[0],
            "feature_loss": parts[1],
            "spectral_loss": sum(distance.values()),
            **distance,
        }
        return loss, {name: part.detach() for name, part in stats.items()}


class AdversarialTTSModel(ESPnetTTSModel):
    """ESPnet's model with a discriminator beside its vocoder, for `GANTrainer`.

    Args:
        model: The model of the vocoder.
        conf: ``adversarial`` of its ``tts_conf``: weights of `AdversarialObjective`,
            and ``discriminator``, options of ESPnet's
            ``HiFiGANMultiScaleMultiPeriodDiscriminator``.

    Raises:
        ConfigError: An option is unknown.
    """

    def __init__(self, model: ESPnetTTSModel, conf: Mapping[str, Any]) -> None:
        super().__init__(
            feats_extract=model.feats_extract,
            pitch_extract=None,
            energy_extract=None,
            normalize=model.normalize,
            pitch_normalize=None,
            energy_normalize=None,
            tts=model.tts,
        )
        weights = dict(conf)
        options = weights.pop("discriminator", None) or {}
        for name in weights:
            choices = ("adversarial_weight", "feature_weight", "mel_weight")
            check_choice("adversarial of tts_conf", name, (*choices, "discriminator"))
        try:
            self.discriminator = HiFiGANMultiScaleMultiPeriodDiscriminator(**options)
        except TypeError as error:
            raise ConfigError(f"adversarial of tts_conf, discriminator: {error}") from (
                error
            )
        self.tts.objective = AdversarialObjective(
            self.tts.objective, self.discriminator, **weights
        )

    def forward(self, forward_generator: bool = True, **batch: Any) -> dict[str, Any]:
        """One turn, as `GANTrainer` takes it."""
        self.tts.objective.turn = TURNS[0 if forward_generator else 1]
        loss, stats, weight = super().forward(**batch)
        optimizer = 0 if forward_generator else 1
        return {"loss": loss, "stats": stats, "weight": weight, "optim_idx": optimizer}

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The vocoder's weights alone."""
        states = super().state_dict(*args, **kwargs)
        return {k: v for k, v in states.items() if not k.startswith("discriminator.")}

    def load_state_dict(
        self, states: Mapping[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Load a vocoder; the discriminator stays as it is."""
        mine = self.discriminator.state_dict(prefix="discriminator.")
        return super().load_state_dict({**mine, **states}, *args, **kwargs)


def keep_in_state(module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Save and load a module's weights together with its optimizer's state."""
    key = "module"

    def save(_: torch.optim.Optimizer, states: dict[str, Any]) -> None:
        states[key] = module.state_dict()

    def load(_: torch.optim.Optimizer, states: dict[str, Any]) -> dict[str, Any]:
        module.load_state_dict(states[key])
        return {k: v for k, v in states.items() if k != key}

    optimizer.register_state_dict_post_hook(save)
    optimizer.register_load_state_dict_pre_hook(load)


class AdversarialTrainer(DiffusionTrainer, GANTrainer):
    """ESPnet's GAN trainer; a diverged training fails, not just stops."""

    @classmethod
    def build_options(cls, args: argparse.Namespace) -> GANTrainerOptions:
        """The trainer's options, with ESPnet's defaults of a GAN's."""
        gan = {"generator_first": False, "skip_discriminator_prob": 0.0}
        return build_dataclass(
            GANTrainerOptions, argparse.Namespace(**vars(args), **gan)
        )
