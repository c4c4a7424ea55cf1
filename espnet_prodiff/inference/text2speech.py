"""Text to speech from Python: ESPnet's class with our options and batches."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from espnet2.bin.tts_inference import Text2Speech as ESPnetText2Speech
from espnet2.gan_tts.vits import VITS
from espnet2.tasks.tts import TTSTask
from espnet2.torch_utils.device_funcs import to_device
from espnet2.tts.tacotron2 import Tacotron2
from espnet2.tts.transformer import Transformer
from espnet2.tts.utils import DurationCalculator

from espnet_prodiff.common.espeak import prepare_espeak
from espnet_prodiff.common.model import DiffusionTTS
from espnet_prodiff.common.sampling import SAMPLING_OPTIONS
from espnet_prodiff.errors import InputError, TextError, UserError, VocoderError
from espnet_prodiff.inference.archive import fetch_model, fetch_vocoder
from espnet_prodiff.inference.inputs import (
    check_inputs,
    check_options,
    model_inputs,
)
from espnet_prodiff.inference.loading import load_acoustic_model
from espnet_prodiff.inference.text import TextToIds
from espnet_prodiff.inference.vocoder import build_vocoder
from espnet_prodiff.inference.wave_generator import WaveGenerator

Output = dict[str, torch.Tensor]
INPUTS = ("speech", "durations", "spembs", "sids", "lids")
# Options of a DiffWave vocoder, by their names beside the acoustic model's.
VOCODER_OPTIONS = {"vocoder_num_steps": "num_steps", "vocoder_schedule": "schedule"}


class Text2Speech(ESPnetText2Speech):
    """Speak with any TTS model of ESPnet, ours included.

    Examples:
        >>> speak = Text2Speech.from_pretrained("user/model")  # or a .zip, or a URL
        >>> speak = Text2Speech(model_file="exp/tts_x/valid.loss.best.pth")
        >>> wav = speak("Hello there.", num_steps=2, seed=1)["wav"]
        >>> outputs = speak.batch(["Hello.", "Good morning."], alpha=1.2)
        >>> soundfile.write("hello.wav", wav.cpu().numpy(), speak.fs)
    """

    def __init__(
        self,
        train_config: str | Path | None = None,
        model_file: str | Path | None = None,
        threshold: float = 0.5,
        minlenratio: float = 0.0,
        maxlenratio: float = 10.0,
        use_teacher_forcing: bool = False,
        use_att_constraint: bool = False,
        backward_window: int = 1,
        forward_window: int = 3,
        speed_control_alpha: float = 1.0,
        noise_scale: float = 0.667,
        noise_scale_dur: float = 0.8,
        vocoder_config: str | Path | None = None,
        vocoder_file: str | Path | None = None,
        dtype: str = "float32",
        device: str = "cpu",
        seed: int = 777,
        always_fix_seed: bool = False,
        prefer_normalized_feats: bool = False,
        *,
        num_steps: int | None = None,
        schedule: str | Sequence[float] | None = None,
        eta: float | None = None,
        solver: str = "ddim",
        temperature: float = 1.0,
        vocoder_num_steps: int | None = None,
        vocoder_schedule: str | Sequence[float] | None = None,
        unknown_symbols: str = "error",
    ) -> None:
        """Load a model and its vocoder.

        Args:
            train_config: config.yaml; by default the one beside ``model_file``.
            model_file: Weights of the acoustic model.
            threshold: Of Tacotron 2 and Transformer, as the next two.
            minlenratio: Least output length per token.
            maxlenratio: Largest output length per token.
            use_teacher_forcing: Take durations, pitch and energy of given speech.
            use_att_constraint: Of Tacotron 2, as the next two.
            backward_window: Attention frames behind.
            forward_window: Attention frames ahead.
            speed_control_alpha: Factor on durations: 2 speaks at half the speed.
            noise_scale: Of VITS, as the next.
            noise_scale_dur: Noise of its durations.
            vocoder_config: See `build_vocoder`.
            vocoder_file: See `build_vocoder`.
            dtype: "float16", "float32" or "float64", of the acoustic model.
            device: "cpu", "cuda", "cuda:N" or "mps".
            seed: With ``always_fix_seed``, the seed of every call that names none.
            always_fix_seed: Whether such calls repeat the same noise.
            prefer_normalized_feats: Give the vocoder normalised mels.
            num_steps: Sampling steps; by default those the model was trained for.
            schedule: Steps at other places instead: see
                ``diffusion.sampling_times.resolve``.
            eta: 0 deterministic, 1 ancestral sampling; by default the model's own.
            solver: "ddim" or "dpmsolver++".
            temperature: Factor on the noise.
            vocoder_num_steps: Of a DiffWave vocoder, as ``num_steps``.
            vocoder_schedule: Of a DiffWave vocoder, as ``schedule``.
            unknown_symbols: "error" or "skip", see `TextToIds`.

        Raises:
            FileNotFoundError: A file does not exist.
            ConfigError, CheckpointError, VocoderError: A file cannot be used.
            InputError: An option is out of range, or the model does not have it.
        """
        model, train_args = load_acoustic_model(train_config, model_file, device)
        self.model = model.to(dtype=getattr(torch, dtype)).eval()
        self.device = device
        self.dtype = dtype
        self.train_args = train_args
        self.tts = model.tts
        self.normalize = model.normalize
        self.feats_extract = model.feats_extract
        self.duration_calculator = DurationCalculator()
        prepare_espeak(getattr(train_args, "g2p", None))
        self.preprocess_fn = TTSTask.build_preprocess_fn(train_args, False)
        self.text_to_ids = TextToIds(self.preprocess_fn, unknown_symbols)
        self.use_teacher_forcing = use_teacher_forcing
        self.seed = seed
        self.always_fix_seed = always_fix_seed
        self.prefer_normalized_feats = prefer_normalized_feats
        self.vocoder = None
        if self.tts.require_vocoder:
            self.vocoder = build_vocoder(vocoder_config, vocoder_file, model, device)
            if prefer_normalized_feats and isinstance(self.vocoder, WaveGenerator):
                raise VocoderError(
                    f"prefer_normalized_feats is not for vocoder {vocoder_file}: it "
                    "normalises mels itself, with the statistics of its own training"
                )

        elif vocoder_file not in (None, "none"):
            raise VocoderError(
                f"vocoder {vocoder_file} has nothing to do: {type(self.tts).__name__} "
                "makes waves itself; leave it out"
            )

        conf: dict[str, Any] = {"use_teacher_forcing": use_teacher_forcing}
        if isinstance(self.tts, Tacotron2 | Transformer):
            conf |= {"threshold": threshold}
            conf |= {"maxlenratio": maxlenratio, "minlenratio": minlenratio}
        if isinstance(self.tts, Tacotron2):
            conf |= {"use_att_constraint": use_att_constraint}
            conf |= {"forward_window": forward_window}
            conf |= {"backward_window": backward_window}
        if "alpha" in self._accepted():
            conf |= {"alpha": speed_control_alpha}
        if isinstance(self.tts, VITS):
            conf |= {"noise_scale": noise_scale, "noise_scale_dur": noise_scale_dur}
        self.decode_conf = conf
        ours = {
            "num_steps": (num_steps, None),
            "schedule": (schedule, None),
            "eta": (eta, None),
            "solver": (solver, "ddim"),
            "temperature": (temperature, 1.0),
            "vocoder_num_steps": (vocoder_num_steps, None),
            "vocoder_schedule": (vocoder_schedule, None),
        }
        changed = {k: v for k, (v, default) in ours.items() if v != default}
        self.decode_conf = self._options(None, changed)

    def __call__(
        self,
        text: str | torch.Tensor | np.ndarray,
        speech: torch.Tensor | np.ndarray | None = None,
        durations: torch.Tensor | np.ndarray | None = None,
        spembs: torch.Tensor | np.ndarray | None = None,
        sids: torch.Tensor | np.ndarray | int | None = None,
        lids: torch.Tensor | np.ndarray | int | None = None,
        decode_conf: dict[str, Any] | None = None,
        **options: Any,
    ) -> Output:
        """Speak one text.

        Args:
            text: A text, or token ids ``(T_text,)``.
            speech: Wave ``(T_wav,)`` for teacher forcing or a style.
            durations: Frames of each token ``(T_text + 1,)`` for teacher forcing.
            spembs: Speaker embedding ``(D,)``.
            sids: Speaker id.
            lids: Language id.
            decode_conf: Options of this call, as ``options``.
            **options: ``num_steps``, ``eta``, ``solver``, ``temperature``, ``alpha``,
                ``seed``, ``vocoder_num_steps``, ``vocoder_schedule`` and what else the
                model's ``inference`` takes. With a seed the result is the same alone
                and in any batch.

        Returns:
            ``wav (T_wav,)``, ``feat_gen`` and ``feat_gen_denorm (T_feats, n_mels)``,
            ``duration`` and whatever else the model gives.

        Raises:
            TextError: The text is empty or holds unknown symbols.
            InputError: An input is missing or of the wrong shape, or an option is
                unknown or out of range.
        """
        given = (speech, durations, spembs, sids, lids)
        inputs = dict(zip(INPUTS, given, strict=True))
        conf = self._options(decode_conf, options)
        return self.vocode(self.features([{"text": text, **inputs}], conf)[0], conf)

    def batch(
        self,
        texts: Sequence[str | torch.Tensor | np.ndarray],
        speech: Sequence[Any] | None = None,
        durations: Sequence[Any] | None = None,
        spembs: Sequence[Any] | None = None,
        sids: Sequence[Any] | None = None,
        lids: Sequence[Any] | None = None,
        decode_conf: dict[str, Any] | None = None,
        **options: Any,
    ) -> list[Output]:
        """Speak several texts at once; each comes out as it would alone.

        Args:
            texts: As ``text`` of a call, one for each utterance.
            speech: One for each utterance, as the next four.
            durations: See `__call__`.
            spembs: See `__call__`.
            sids: See `__call__`.
            lids: See `__call__`.
            decode_conf: Options of this batch.
            **options: Options of this batch; a seed is each utterance's own.

        Returns:
            One output for each text, as of a call.

        Raises:
            TextError, InputError: As in a call; the message counts from 1.
        """
        conf = self._options(decode_conf, options)
        items = [{"text": text} for text in texts]
        given = (speech, durations, spembs, sids, lids)
        for name, values in zip(INPUTS, given, strict=True):
            if values is None:
                continue
            if len(values) != len(items):
                raise InputError(
                    f"{len(values)} {name} were given for {len(items)} texts"
                )
            for item, value in zip(items, values, strict=True):
                item[name] = value
        return [self.vocode(out, conf) for out in self.features(items, conf)]

    @torch.no_grad()
    def features(
        self, items: Sequence[dict[str, Any]], conf: dict[str, Any]
    ) -> list[Output]:
        """Run the acoustic model on utterances, without the vocoder.

        Args:
            items: For each utterance ``text`` and the inputs that it has.
            conf: Every decoding option, as `decode_conf` holds them.

        Returns:
            What ``ESPnetTTSModel.inference`` gives, for each utterance.
        """
        batches = []
        for number, item in enumerate(items, 1):
            try:
                batches.append(self._prepare(item, conf))
            except (InputError, TextError) as error:
                if len(items) == 1:
                    raise
                raise type(error)(f"utterance {number}: {error}") from error
        conf = {k: v for k, v in conf.items() if k not in VOCODER_OPTIONS}
        seed = conf.get("seed")
        if "seed" not in self._accepted():
            conf = {k: v for k, v in conf.items() if k != "seed"}
        else:
            seed = None
        try:
            if len(batches) > 1 and isinstance(self.tts, DiffusionTTS):
                with self._seeded(seed):
                    outputs = self._infer_together(batches, conf)
            else:
                outputs = []
                for batch in batches:
                    with self._seeded(seed):
                        outputs.append(self.model.inference(**batch, **conf))
        except UserError as error:
            raise InputError(str(error)) from error
        for out in outputs:
            if out.get("att_w") is not None:
                duration, focus_rate = self.duration_calculator(out["att_w"])
                out.update(duration=duration, focus_rate=focus_rate)
        return outputs

    @torch.no_grad()
    def vocode(self, output: Output, conf: dict[str, Any] | None = None) -> Output:
        """Add ``wav`` to what `features` gave, if the model wants a vocoder."""
        if self.vocoder is not None:
            feats = output.get("feat_gen_denorm")
            if self.prefer_normalized_feats or feats is None:
                feats = output["feat_gen"]
            conf = self.decode_conf if conf is None else conf
            own = {VOCODER_OPTIONS[k]: conf[k] for k in VOCODER_OPTIONS if k in conf}
            with self._seeded(conf.get("seed")):
                output["wav"] = self.vocoder(feats, **own)
        return output

    def options(self, **options: Any) -> dict[str, Any]:
        """Return this model's decoding options, with some of them changed."""
        return self._options(None, options)

    def _infer_together(
        self, batches: list[dict[str, Any]], conf: dict[str, Any]
    ) -> list[Output]:
        """Do what ``ESPnetTTSModel.inference`` does, for several utterances."""
        rows = [model_inputs(self.model, b, conf) for b in batches]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        outputs = self.tts.inference_batch(columns.pop("text"), **columns, **conf)
        for out in outputs:
            if self.normalize is not None and out.get("feat_gen") is not None:
                feats = self.normalize.inverse(out["feat_gen"].clone()[None])[0][0]
                out["feat_gen_denorm"] = feats
        return outputs

    def _prepare(self, item: dict[str, Any], conf: dict[str, Any]) -> dict[str, Any]:
        item = {key: value for key, value in item.items() if value is not None}
        if isinstance(item["text"], str):
            item["text"] = self.text_to_ids(item["text"])
        item = check_inputs(self.model, item, conf)
        for key, value in item.items():
            if value.is_floating_point():
                item[key] = value.to(getattr(torch, self.dtype))
        return to_device(item, self.device)

    def _accepted(self) -> set[str]:
        """Return the options that the model's inference knows."""
        if isinstance(self.tts, DiffusionTTS):
            return set(SAMPLING_OPTIONS).union(self.tts.decoding_options)
        data = {"text", "feats", "durations", "pitch", "energy"}
        return (
            set(inspect.signature(self.tts.inference).parameters) - data - set(INPUTS)
        )

    def _options(
        self, decode_conf: dict[str, Any] | None, options: dict[str, Any]
    ) -> dict[str, Any]:
        given = {k: v for k, v in options.items() if v is not None}
        conf = {**self.decode_conf, **(decode_conf or {}), **given}
        accepted = self._accepted() | {"seed"}
        if isinstance(self.vocoder, WaveGenerator):
            accepted |= VOCODER_OPTIONS.keys()
        elif wrong := sorted(conf.keys() & VOCODER_OPTIONS.keys()):
            raise InputError(
                f"{' and '.join(wrong)} is for a DiffWave vocoder (--vocoder_file), "
                f"but the vocoder is {self.vocoder}"
            )
        if unknown := sorted(set(conf) - accepted - set(self.decode_conf)):
            raise InputError(
                f"{type(self.tts).__name__} has no decoding option "
                f"{', '.join(unknown)}; it has {', '.join(sorted(accepted))}"
            )
        if conf.get("seed") is None:
            conf.pop("seed", None)
            if self.always_fix_seed:
                conf["seed"] = self.seed
        check_options(self.tts, conf)
        own = {VOCODER_OPTIONS[k]: conf[k] for k in VOCODER_OPTIONS if k in conf}
        if own:
            self.vocoder.check_sampling(**own)
        return conf

    @contextlib.contextmanager
    def _seeded(self, seed: int | None) -> Iterator[None]:
        """Draw torch's global noise from a seed, and leave its state as it was."""
        if seed is None:
            yield
            return
        cuda = torch.device(self.device).type == "cuda"
        with torch.random.fork_rng([torch.device(self.device)] if cuda else []):
            torch.manual_seed(seed)
            yield

    @classmethod
    def from_pretrained(
        cls,
        model_tag: str | None = None,
        vocoder_tag: str | None = None,
        cachedir: str | Path | None = None,
        **kwargs: Any,
    ) -> Text2Speech:
        """Load a packed model.

        Args:
            model_tag: A packed file, a URL, a name of espnet_model_zoo or a hub
                repository ``user/name[@revision]``.
            vocoder_tag: ``parallel_wavegan/<tag>``; only its download needs the
                parallel_wavegan package.
            cachedir: Where downloads are kept, see `fetch_model`.
            **kwargs: Arguments of the constructor.

        Raises:
            FileNotFoundError, ArchiveError: Model or vocoder cannot be fetched.
        """
        if model_tag is not None:
            kwargs.update(fetch_model(model_tag, cachedir))
        if vocoder_tag is not None:
            kwargs["vocoder_file"] = fetch_vocoder(vocoder_tag)
        return cls(**kwargs)
