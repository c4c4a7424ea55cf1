"""The contract of a model: what it must offer, and what it gets for it."""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from torch import Tensor

from espnet_prodiff.common.plugin import PluginTTS
from espnet_prodiff.common.sampling import SAMPLING_OPTIONS, Sampling
from espnet_prodiff.diffusion import Denoiser, sample
from espnet_prodiff.diffusion.model_times import SamplingTimes
from espnet_prodiff.diffusion.narrowing import ChannelAxes

Callback = Callable[[dict[str, Any]], None]


class DiffusionTTS(PluginTTS):
    """A diffusion model among ESPnet's TTS models.

    What a model must offer:

    - a constructor ``(idim, odim, *, diffusion_steps, num_steps, distilled_times,
      espnet_prodiff, ...)`` that ends in `set_diffusion`; ``train_times`` is an option
      of it or the class's;
    - ``forward``, ESPnet's training step, which calls ``self.objective(self.denoiser,
      x_0, cond, mask, generator, cond_inputs)``: distillation puts another in its
      place. It takes a padded batch: ``text`` (token ids, (B, N)), ``feats``
      (normalised log-mels, (B, T_feats, odim)), ``speech`` (B, T_wav), ``durations``
      (frames of each token and of eos, (B, N + 1)), ``pitch`` and ``energy`` (averages
      of each token, (B, N + 1, 1)), with their lengths (B,), ``spembs`` (B, D),
      ``sids`` and ``lids`` (B, 1); and returns loss, statistics and the batch size;
    - `condition`, from ``cond_inputs`` to what the denoiser is conditioned on;
    - `inference` of one utterance or `inference_batch` of several, which take the
      options of `Sampling` and call `denoise`;
    - the class attributes below where their defaults are not right.

    What it gets: steps, sampling times by number, name or betas, eta, solver,
    temperature, seeds, batches, strict checkpoints, progressive and consistency
    distillation, evaluation. The residual layers of its network are ``layers.<i>``,
    where a smaller student is to take over every k-th.

    Attributes beside `PluginTTS`'s:
        denoiser: Network, noise schedule and prediction type.
        objective: The training loss, see above.
        sampling_times: Where it is sampled.
        data_power: Mean square of the data that it diffuses.
        snr_ends: SNRs in dB between which steps are placed, see ``snr_times``.
        default_num_steps: Steps of a model that was trained at continuous times; one of
            discrete times is sampled at all of them.
        train_times: "discrete" or "continuous", where it is no option.
        layer_major: Weights of the network that serve all residual layers, layer by
            layer.
        channel_axes: What the channels of the network's weights are, see
            ``diffusion.narrowing``, where a narrower student is to take over some.
    """

    snr_ends = (-30.0, 30.0)
    default_num_steps = 8
    train_times = "continuous"
    layer_major: Collection[str] = ()
    channel_axes: ChannelAxes | None = None
    trains_denoiser_only = False

    @property
    def data_power(self) -> float:
        """Mean square of the data that it diffuses."""
        return 1.0

    def set_diffusion(
        self,
        denoiser: Denoiser,
        objective: Callable[..., Tensor],
        *,
        num_steps: int | None,
        distilled_times: Sequence[float] | None,
        checkpoint_format: int,
        train_times: str | None = None,
    ) -> None:
        """Take over the denoiser, the objective and the constructor's options of steps.

        Args:
            denoiser: The model's.
            objective: Of a teacher.
            num_steps: Option of the constructor, as ``distilled_times`` and the next.
            distilled_times: Times that a student was distilled at, with the final 0.
            checkpoint_format: Option ``espnet_prodiff``.
            train_times: "discrete" or "continuous"; default: the class's.

        Raises:
            UserError: If this version does not read the format, or the options
                contradict each other or the noise schedule.
        """
        self.check_format(checkpoint_format)
        self.denoiser, self.objective = denoiser, objective
        schedule = denoiser.schedule
        train_times = train_times or self.train_times
        if distilled_times is None and num_steps is None:
            num_steps = self._default_steps(schedule.num_train_steps, train_times)
        elif distilled_times is None and num_steps and checkpoint_format == 1:
            distilled_times = schedule.timesteps(num_steps).tolist()
        self.sampling_times = SamplingTimes(
            schedule,
            num_steps,
            distilled_times,
            snr_ends=self.snr_ends,
            data_power=self.data_power,
            whole=train_times == "discrete",
        )

    # Conditioning

    def condition(self, *args: Any, **cond_inputs: Any) -> tuple[Any, Any]:
        """Make of ``cond_inputs`` of a batch what the denoiser is conditioned on.

        Returns what other losses need, and the conditioning (B, C, L), (B,) or None.
        """
        raise NotImplementedError

    def train_denoiser_only(self) -> None:
        """Keep all other parts as they are; dropout stays off there."""
        self.trains_denoiser_only = True
        for name, module in self.named_children():
            if name != "denoiser":
                module.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "DiffusionTTS":
        """Set the training mode; what is frozen stays in evaluation mode."""
        super().train(mode)
        if self.trains_denoiser_only:
            self.train_denoiser_only()
        return self

    # Steps

    @property
    def num_steps(self) -> int:
        """Steps that it is sampled in unless one says otherwise."""
        return self.sampling_times.num_steps

    @property
    def is_student(self) -> bool:
        """True for a student: it was distilled."""
        return self.sampling_times.distilled is not None

    def times(
        self,
        num_steps: int | None = None,
        schedule: str | Sequence[float] | None = None,
    ) -> Tensor:
        """Its sampling times, see ``SamplingTimes``."""
        return self.sampling_times(num_steps, schedule)

    @classmethod
    def num_steps_of(cls, conf: Mapping[str, Any]) -> int:
        """Steps that a model with the ``tts_conf`` is sampled in."""
        if conf.get("num_steps") is not None:
            return conf["num_steps"]
        train_times = cls._option(conf, "train_times", cls.train_times)
        return cls._default_steps(cls.num_train_steps_of(conf), train_times)

    @classmethod
    def num_train_steps_of(cls, conf: Mapping[str, Any]) -> int:
        """T of a model with the ``tts_conf``."""
        return cls._option(conf, "diffusion_steps")

    @classmethod
    def _option(cls, conf: Mapping[str, Any], name: str, default: Any = None) -> Any:
        parameter = inspect.signature(cls).parameters.get(name)
        return conf.get(name, default if parameter is None else parameter.default)

    @classmethod
    def _default_steps(cls, num_train_steps: int, train_times: str) -> int:
        if train_times == "discrete":
            return num_train_steps
        return min(cls.default_num_steps, num_train_steps)

    # Sampling

    @property
    def default_eta(self) -> float:
        """Share of fresh noise where one does not say."""
        return 0.0

    def sampled_denoiser(self) -> Denoiser:
        """The denoiser as it is sampled, which is also what a student learns from."""
        return self.denoiser

    def denoise(
        self,
        x_t: Tensor,
        times: Tensor,
        cond: Any,
        mask: Tensor | None,
        sampling: Sampling,
        noise_fn: Callable[[Tensor], Tensor],
        callback: Callback | None = None,
        denoiser: Denoiser | None = None,
    ) -> Tensor:
        """Run the sampler from x_t (B, C, L) at the first of the times; x_0 alike.

        Of ``sampling`` its eta and solver count; ``noise_fn`` draws noise like its
        argument, and ``denoiser`` takes the place of `sampled_denoiser`. For the rest
        see ``espnet_prodiff.diffusion.sample``.
        """
        eta = sampling.eta
        if eta is None:
            eta = self.default_eta if sampling.solver == "ddim" else 0.0
        return sample(
            denoiser or self.sampled_denoiser(),
            x_t,
            times,
            cond,
            mask,
            eta=eta,
            solver=sampling.solver,
            noise_fn=noise_fn,
            callback=callback,
        )

    def inference(self, text: Tensor, **options: Any) -> dict[str, Tensor]:
        """Synthesise one utterance: `inference_batch` without the batch.

        Args:
            text: Token ids, (N,).
            **options: As of `inference_batch`, each input without its list.
        """
        shared = SAMPLING_OPTIONS | set(self.decoding_options)
        for name, value in options.items():
            if name not in shared and value is not None:
                options[name] = [value]
        return self.inference_batch([text], **options)[0]

    def inference_batch(
        self, texts: Sequence[Tensor], **options: Any
    ) -> list[dict[str, Tensor]]:
        """Synthesise several utterances; each comes out as it would alone.

        Here one after the other, in the memory of one; a model may do better.

        Args:
            texts: Token ids, (N_i,) each.
            **options: As of ``inference``; inputs are lists with one entry for each.
        """
        shared = SAMPLING_OPTIONS | set(self.decoding_options)
        rows = {k: v for k, v in options.items() if k not in shared and v is not None}
        options = {k: v for k, v in options.items() if k in shared}
        return [
            self.inference(text, **{k: v[i] for k, v in rows.items()}, **options)
            for i, text in enumerate(texts)
        ]
