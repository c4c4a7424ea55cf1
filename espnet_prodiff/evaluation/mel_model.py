"""Draw normalised mels from a model, with the recording's durations.

A model of waves is drawn from too: the mel is then that of its wave.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from espnet2.tts.abs_tts import AbsTTS
from torch import Tensor

from espnet_prodiff.common.model import DiffusionTTS
from espnet_prodiff.errors import DataError

VARIANCES = ("predicted", "true")
"""Where pitch and energy come from: the model, or the recording."""


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


class MelModel:
    """A TTS model that takes durations, or our DiffWave, at one number of steps.

    Ours draws an utterance's noise from the seed alone, so two models with the same
    seed start from the same noise. Any other model is seeded through torch's global
    generator, and its number of steps is its own.
    """

    def __init__(self, model: Any, name: str, num_steps: int | None = None) -> None:
        """Wrap a model.

        Args:
            model: An ``ESPnetTTSModel`` in eval mode.
            name: For messages.
            num_steps: Sampling steps; None is the model's own number.

        Raises:
            DataError: The model takes no durations or has no mel, or its number
                of steps cannot be changed.
        """
        self.name, self.model, self.tts = name, model, model.tts
        ours = self.shares_noise = isinstance(self.tts, DiffusionTTS)
        self.makes_waves = not self.tts.require_vocoder
        # Whether what it says, or is to repeat, can be given frame by frame.
        if ours:
            fits = self.tts.conditioning in ("text", "mel")
        else:
            fits = hasattr(self.tts, "duration_predictor")
        if model.feats_extract is None or not fits:
            raise DataError(
                f"Model {name!r}: {type(self.tts).__name__} makes no mel from given "
                "durations; its waveforms can be scored with --system."
            )
        own = self.tts.num_steps if ours else _builtin_steps(self.tts)
        if num_steps not in (None, own) and not self.shares_noise:
            raise DataError(
                f"Model {name!r}: the number of steps of {type(self.tts).__name__} "
                f"is fixed in training ({own}), {num_steps} cannot be had."
            )
        self.num_steps = num_steps
        # What it is sampled with; None where the model does not tell.
        self.steps = num_steps or own

    @torch.no_grad()
    def recorded_mel(self, inputs: MelInputs) -> Tensor:
        """Return the recording's normalised mel (T, n_mels).

        Raises:
            DataError: The durations do not sum to its number of frames.
        """
        mel = self.mel_of(inputs.speech)
        frames = int(inputs.durations.sum())
        if frames != len(mel):
            raise DataError(
                f"Utterance {inputs.utt}: its durations sum to {frames} frames, its "
                f"recording has {len(mel)}: were they made for this hop length?"
            )
        return mel

    @torch.no_grad()
    def mel_of(self, wav: Tensor) -> Tensor:
        """Return the normalised mel (T, n_mels) of a wave (T_wav,)."""
        mel = self.model.feats_extract(wav[None])[0]
        if self.model.normalize is not None:
            mel = self.model.normalize(mel.clone())[0]
        return mel[0]

    @torch.no_grad()
    def denormalise(self, mel: Tensor) -> Tensor:
        """Return the log-mel (T, n_mels) that a normalised one stands for."""
        if self.model.normalize is None:
            return mel
        return self.model.normalize.inverse(mel.clone()[None])[0][0]

    def same_features(self, other: "MelModel") -> bool:
        """Whether the normalised mels of two models can be compared."""
        mine, theirs = (
            (
                m.model.feats_extract.get_parameters(),
                {} if m.model.normalize is None else m.model.normalize.state_dict(),
            )
            for m in (self, other)
        )
        return (
            mine[0] == theirs[0]
            and mine[1].keys() == theirs[1].keys()
            and all(
                torch.allclose(mine[1][k].double(), theirs[1][k].double(), rtol=1e-4)
                for k in mine[1]
            )
        )

    @torch.no_grad()
    def true_variance(self, inputs: MelInputs) -> dict[str, Tensor]:
        """Extract pitch and energy per token (T_text + 1, 1), normalised."""
        found = {}
        frames = inputs.durations.sum()[None]
        for name in ("pitch", "energy"):
            extract = getattr(self.model, f"{name}_extract")
            if extract is None:
                raise DataError(
                    f"Model {self.name!r} extracts no {name}: score it with predicted "
                    "pitch and energy."
                )
            values = extract(
                inputs.speech[None],
                feats_lengths=frames,
                durations=inputs.durations[None],
            )[0]
            normalize = getattr(self.model, f"{name}_normalize")
            values = values if normalize is None else normalize(values)[0]
            found[name] = values[0]
        return found

    @torch.no_grad()
    def draw(
        self,
        inputs: MelInputs,
        seeds: list[int],
        variance: str = "predicted",
        **options: Any,
    ) -> np.ndarray:
        """Draw an utterance's mel once per seed; arguments as of ``outputs``.

        Returns:
            Normalised mels (num_seeds, T, n_mels), float32.
        """
        outputs = self.outputs(inputs, seeds, variance, **options)
        return np.stack([out["feat_gen"].float().cpu().numpy() for out in outputs])

    @torch.no_grad()
    def outputs(
        self,
        inputs: MelInputs,
        seeds: list[int],
        variance: str = "predicted",
        **options: Any,
    ) -> list[dict[str, Tensor]]:
        """Generate an utterance once per seed with its true durations.

        Args:
            inputs: The utterance.
            seeds: Seeds of the noise.
            variance: "predicted" or "true" pitch and energy.
            **options: Further options of ``tts.inference``.

        Returns:
            What ``tts.inference`` gives, for each seed; with ``feat_gen`` (T, n_mels)
            even where that is ``wav``.

        Raises:
            DataError: ``variance`` is neither, or the number of durations does
                not fit the text.
        """
        if variance not in VARIANCES:
            raise DataError(
                f"variance must be one of {', '.join(VARIANCES)}, not {variance!r}."
            )
        if len(inputs.durations) != len(inputs.text) + 1:
            raise DataError(
                f"Utterance {inputs.utt}: {len(inputs.durations)} durations for "
                f"{len(inputs.text)} tokens and eos: were they made with this "
                "token list?"
            )
        given = {**inputs.extras, **options}
        if getattr(self.tts, "use_gst", False):
            given["feats"] = self.recorded_mel(inputs)
        if variance == "true" and not self.makes_waves:
            forced = self.true_variance(inputs)
        elif self.shares_noise:
            forced = {}
        else:  # the others want both: a first pass predicts them
            with torch.random.fork_rng():
                free = self.tts.inference(inputs.text, **given)
            forced = {name: free[name] for name in ("pitch", "energy")}
        given.update(forced, durations=inputs.durations, use_teacher_forcing=True)
        return [self._output(inputs.text, seed, given) for seed in seeds]

    def _output(
        self, text: Tensor, seed: int, given: dict[str, Any]
    ) -> dict[str, Tensor]:
        if self.shares_noise:
            given = {**given, "num_steps": self.num_steps, "seed": seed}
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            output = self.tts.inference(text, **given)
        if self.makes_waves:
            # Whole frames of samples have one centred window more than frames.
            output["feat_gen"] = self.mel_of(output["wav"])[: given["durations"].sum()]
        return output


def _builtin_steps(tts: AbsTTS) -> int | None:
    """Steps of ESPnet's built-in prodiff; None of any other model."""
    return getattr(getattr(tts, "decoder", None), "timesteps", None)
