"""Text to speech from Python: ESPnet's class with our options and batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from espnet2.bin.tts_inference import Text2Speech as ESPnetText2Speech

from espnet_prodiff.common.espeak import prepare_espeak
from espnet_prodiff.common.sampling import Sampling
from espnet_prodiff.errors import VocoderError
from espnet_prodiff.inference.archive import fetch_model
from espnet_prodiff.inference.features import Output, infer, seeded
from espnet_prodiff.inference.inputs import INPUTS, by_utterance
from espnet_prodiff.inference.lexicon_g2p import build_preprocessor
from espnet_prodiff.inference.loading import load_acoustic_model
from espnet_prodiff.inference.options import (
    changed_options,
    check_options,
    model_options,
    vocoder_options,
)
from espnet_prodiff.inference.text import TextToIds
from espnet_prodiff.inference.vocoder import build_vocoder


class Text2Speech(ESPnetText2Speech):
    """Speak with any TTS model of ESPnet, ours included.

    Examples:
        >>> text2speech = Text2Speech.from_pretrained("user/model")  # or a .zip, a URL
        >>> text2speech = Text2Speech(model_file="exp/tts_x/valid.loss.best.pth")
        >>> wav = text2speech("Hello there.", num_steps=2, seed=1)["wav"]
        >>> outputs = text2speech.batch(["Hello.", "Good morning."], alpha=1.2)
        >>> soundfile.write("hello.wav", wav.cpu().numpy(), text2speech.fs)
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
        text_normalizer: str = "auto",
        lexicon: str | Path | None = None,
    ) -> None:
        """Load a model and its vocoder.

        Args:
            train_config: config.yaml; by default the one beside ``model_file``.
            model_file: Weights of the acoustic model, or a model packed by stage 10.
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
            vocoder_file: See `build_vocoder`; by default the one that a packed voice
                brings, "none" for the built-in.
            dtype: "float16", "float32" or "float64", of the acoustic model.
            device: "cpu", "cuda", "cuda:N" or "mps".
            seed: With ``always_fix_seed``, the seed of every call that names none.
            always_fix_seed: Whether such calls repeat the same noise.
            prefer_normalized_feats: Give the vocoder normalised mels.
            num_steps: See `Sampling`, as the next four.
            schedule: Steps at other places instead.
            eta: 0 deterministic, 1 ancestral sampling.
            solver: "ddim" or "dpmsolver++".
            temperature: Factor on the noise.
            vocoder_num_steps: Of a DiffWave vocoder, as ``num_steps``.
            vocoder_schedule: Of a DiffWave vocoder, as ``schedule``.
            unknown_symbols: "error" or "skip", see `TextToIds`, as the next two.
            text_normalizer: "auto", "english" or "none".
            lexicon: A file of words and their phones.

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
        prepare_espeak(getattr(train_args, "g2p", None))
        self.preprocess_fn = build_preprocessor(train_args)
        self.text_to_ids = TextToIds(
            self.preprocess_fn, unknown_symbols, text_normalizer, lexicon
        )
        self.use_teacher_forcing = use_teacher_forcing
        self.seed = seed
        self.always_fix_seed = always_fix_seed
        self.prefer_normalized_feats = prefer_normalized_feats
        if vocoder_file is None:  # a packed voice may bring its own
            vocoder_file = getattr(train_args, "vocoder_file", None)
        self.vocoder = build_vocoder(
            vocoder_config, vocoder_file, model, device, prefer_normalized_feats
        )
        of_espnet = {
            "threshold": threshold,
            "maxlenratio": maxlenratio,
            "minlenratio": minlenratio,
            "use_att_constraint": use_att_constraint,
            "forward_window": forward_window,
            "backward_window": backward_window,
            "alpha": speed_control_alpha,
            "noise_scale": noise_scale,
            "noise_scale_dur": noise_scale_dur,
        }
        accepted = model_options(self.tts)
        self.decode_conf = {k: v for k, v in of_espnet.items() if k in accepted}
        self.decode_conf["use_teacher_forcing"] = use_teacher_forcing
        self.decode_conf = self.options(
            **changed_options(Sampling(num_steps, schedule, eta, solver, temperature)),
            vocoder_num_steps=vocoder_num_steps,
            vocoder_schedule=vocoder_schedule,
        )

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
            **options: ``num_steps``, ``eta``, ``solver``, ``temperature``, ``alpha``
                (alias ``speed_control_alpha``), ``seed``, ``vocoder_num_steps``,
                ``vocoder_schedule`` and what else the model's ``inference`` takes. With
                a seed the result is the same alone and in any batch.

        Returns:
            ``wav (T_wav,)``, ``feat_gen`` and ``feat_gen_denorm (T_feats, n_mels)``,
            ``duration`` and whatever else the model gives.

        Raises:
            TextError: The text is empty or holds unknown symbols.
            InputError: An input is missing or of the wrong shape, or an option is
                unknown or out of range.
        """
        values = (speech, durations, spembs, sids, lids)
        inputs = dict(zip(INPUTS, values, strict=True))
        conf = self.options(decode_conf, **options)
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
        """Speak several texts at once; each comes out as a call would give it.

        The arguments are those of `__call__`, but lists with one entry for each
        utterance; the options are of all, and a seed is each utterance's own.

        Raises:
            TextError, InputError: As in a call; the message counts from 1.
        """
        conf = self.options(decode_conf, **options)
        columns = (speech, durations, spembs, sids, lids)
        items = by_utterance(texts, dict(zip(INPUTS, columns, strict=True)))
        return [self.vocode(out, conf) for out in self.features(items, conf)]

    def features(
        self, items: Sequence[dict[str, Any]], conf: dict[str, Any]
    ) -> list[Output]:
        """Run the acoustic model on utterances, without the vocoder: see `infer`.

        ``conf`` are all decoding options, as `options` returns them.
        """
        return infer(self.model, self.text_to_ids, items, conf)

    @torch.no_grad()
    def vocode(self, output: Output, conf: dict[str, Any] | None = None) -> Output:
        """Add ``wav`` to the output of `features`, if the model wants a vocoder."""
        if self.vocoder is not None:
            feats = output.get("feat_gen_denorm")
            if self.prefer_normalized_feats or feats is None:
                feats = output["feat_gen"]
            conf = self.decode_conf if conf is None else conf
            with seeded(conf.get("seed"), self.device):
                output["wav"] = self.vocoder(feats, **vocoder_options(conf))
        return output

    def options(
        self, decode_conf: dict[str, Any] | None = None, **options: Any
    ) -> dict[str, Any]:
        """Return all decoding options, with some of them changed.

        ``options`` win over ``decode_conf``; None leaves an option as it is.

        Raises:
            InputError: An option is unknown or out of range.
        """
        changes = {
            "alpha" if k == "speed_control_alpha" else k: v
            for k, v in options.items()
            if v is not None
        }
        conf = {**self.decode_conf, **(decode_conf or {}), **changes}
        if conf.get("seed") is None:
            conf.pop("seed", None)
            if self.always_fix_seed:
                conf["seed"] = self.seed
        check_options(self.tts, self.vocoder, conf, self.decode_conf)
        return conf

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
            model_tag: See `fetch_model`, as ``cachedir``.
            vocoder_tag: Of ESPnet's class; it is refused with what to do instead.
            cachedir: Where downloads are kept.
            **kwargs: Arguments of the constructor.

        Raises:
            FileNotFoundError, ArchiveError: The model cannot be fetched.
            VocoderError: A ``vocoder_tag`` was passed.
        """
        if vocoder_tag is not None:
            raise VocoderError(
                f"vocoder tag {vocoder_tag} cannot be looked up: parallel_wavegan, the "
                "package of the tags, no longer installs. Download the checkpoint, its "
                "config.yml and stats.h5 to one folder and pass vocoder_file=<the .pkl>"
            )
        if model_tag is not None:
            kwargs.update(fetch_model(model_tag, cachedir))
        return cls(**kwargs)
