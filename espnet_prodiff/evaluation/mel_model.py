"""Sample normalised mels from a model, with the recording's durations.

The mel of a waveform model is that of its wave.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from espnet_prodiff.common.model import DiffusionTTS
from espnet_prodiff.errors import DataError, check_choice
from espnet_prodiff.evaluation.mel_inputs import MelInputs

VARIANCES = ("predicted", "true")
"""Where pitch and energy come from: the model, or the recording."""


class MelModel:
    """A TTS model that takes durations, or our DiffWave, at one number of steps.

    Ours takes an utterance's noise from the seed alone, so two models with the same
    seed start from the same noise. Any other model is seeded through torch's global
    generator, and its number of steps is its own.
    """

    def __init__(self, model: Any, name: str, num_steps: int | None = None) -> None:
        """Wrap an ``ESPnetTTSModel`` in eval mode; ``name`` is for messages.

        ``num_steps`` are the sampling steps, None the model's own number.

        Raises:
            DataError: It takes no durations or has no mel, or its number of steps
                cannot be changed.
        """
        self.name, self.model, self.tts = name, model, model.tts
        ours = self.shares_noise = isinstance(self.tts, DiffusionTTS)
        self.makes_waves = not self.tts.require_vocoder
        if ours:  # a text with its durations, or the mel to repeat
            takes_frames = self.tts.conditioning in ("text", "mel")
            default = self.tts.num_steps
        else:  # ESPnet's prodiff has steps
            takes_frames = hasattr(self.tts, "duration_predictor")
            default = getattr(getattr(self.tts, "decoder", None), "timesteps", None)
        kind = type(self.tts).__name__
        if model.feats_extract is None or not takes_frames:
            raise DataError(
                f"Model {name!r}: {kind} makes no mel from given durations; its "
                "waveforms can be scored with --system."
            )
        if num_steps not in (None, default) and not ours:
            raise DataError(
                f"Model {name!r}: the number of steps of {kind} is fixed in training "
                f"({default}), {num_steps} cannot be had."
            )
        self.num_steps = num_steps
        # What it is sampled with; None where the model does not tell.
        self.steps = num_steps or default

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
        models = (self.model, other.model)
        features, others = (model.feats_extract.get_parameters() for model in models)
        a, b = (m.normalize.state_dict() if m.normalize else {} for m in models)
        same = features == others and a.keys() == b.keys()
        return same and all(
            torch.allclose(a[k].double(), b[k].double(), rtol=1e-4) for k in a
        )

    @torch.no_grad()
    def true_variance(self, inputs: MelInputs) -> dict[str, Tensor]:
        """Extract pitch and energy per token (T_text + 1, 1), normalised."""
        variance = {}
        frames = inputs.durations.sum()[None]
        for name in ("pitch", "energy"):
            extract = getattr(self.model, f"{name}_extract")
            if extract is None:
                raise DataError(
                    f"Model {self.name!r} extracts no {name}: score it with predicted "
                    "pitch and energy."
                )
            wav, durations = inputs.speech[None], inputs.durations[None]
            values = extract(wav, feats_lengths=frames, durations=durations)[0]
            normalize = getattr(self.model, f"{name}_normalize")
            variance[name] = (values if normalize is None else normalize(values)[0])[0]
        return variance

    @torch.no_grad()
    def sample_mels(
        self, inputs: MelInputs, seeds: list[int], *args: Any, **options: Any
    ) -> np.ndarray:
        """Return the normalised mels (num_seeds, T, n_mels), float32, of `outputs`."""
        outputs = self.outputs(inputs, seeds, *args, **options)
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
            The outputs of ``tts.inference``, one for each seed; a waveform model's too
            have ``feat_gen`` (T, n_mels).

        Raises:
            UserError: ``variance`` is neither.
            DataError: The number of durations does not fit the text.
        """
        check_choice("variance", variance, VARIANCES)
        if len(inputs.durations) != len(inputs.text) + 1:
            raise DataError(
                f"Utterance {inputs.utt}: {len(inputs.durations)} durations for "
                f"{len(inputs.text)} tokens and eos: were they made with this "
                "token list?"
            )
        options = {**inputs.extras, **options}
        if getattr(self.tts, "use_gst", False):
            options["feats"] = self.recorded_mel(inputs)
        if variance == "true" and not self.makes_waves:
            options |= self.true_variance(inputs)
        elif not self.shares_noise:
            with torch.random.fork_rng():  # the others want both: predict them first
                free = self.tts.inference(inputs.text, **options)
            options |= {name: free[name] for name in ("pitch", "energy")}
        options |= dict(durations=inputs.durations, use_teacher_forcing=True)
        outputs = []
        for seed in seeds:
            if self.shares_noise:
                options |= dict(num_steps=self.num_steps, seed=seed)
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                output = self.tts.inference(inputs.text, **options)
            if self.makes_waves:
                # Whole frames of samples have one centred window more than frames.
                frames = inputs.durations.sum()
                output["feat_gen"] = self.mel_of(output["wav"])[:frames]
            outputs.append(output)
        return outputs
