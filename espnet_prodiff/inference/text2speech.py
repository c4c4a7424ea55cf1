"""Text to speech from Python: a model and its vocoder, loaded, with their options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from espnet_prodiff.common.precision import set_dtype
from espnet_prodiff.common.sampling import Sampling
from espnet_prodiff.errors import VocoderError
from espnet_prodiff.inference.find_model import find_model
from espnet_prodiff.inference.loading import as_config_error, load_acoustic_model
from espnet_prodiff.inference.options import (
    changed_options,
    model_options,
)
from espnet_prodiff.inference.own_g2p import build_preprocessor
from espnet_prodiff.inference.prosody import Prosody
from espnet_prodiff.inference.speaking import Speaking
from espnet_prodiff.inference.text import TextToIds
from espnet_prodiff.inference.vocoder import build_vocoder


class Text2Speech(Speaking):
    """Speak with any TTS model of ESPnet, ours included: ESPnet's class, and more.

    The arguments and attributes of ESPnet's class have their names and meaning.

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
        speed: float = 1.0,
        pitch: float = 0.0,
        energy: float = 0.0,
        volume: float = 1.0,
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
            dtype: "float32", "bfloat16" or "float16", the type of matrix products in
                the acoustic model and in a DiffWave vocoder, or "float64" for all of
                the acoustic model.
            device: "cpu", "cuda", "cuda:N" or "mps".
            seed: With ``always_fix_seed``, the seed of every call that names none.
            always_fix_seed: Whether such calls repeat the same noise.
            prefer_normalized_feats: Give the vocoder normalised mels.
            num_steps: See `Sampling`, as the next four.
            schedule: Steps at other places instead.
            eta: 0 deterministic, 1 ancestral sampling.
            solver: "ddim" or "dpmsolver++".
            temperature: Factor on the noise.
            speed: See `Prosody`, as the next three; beside ``speed_control_alpha``.
            pitch: Semitones up.
            energy: dB louder, by the model's energy predictor.
            volume: Factor on the wave.
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
        set_dtype(model, dtype)
        self.model = model
        self.device = device
        self.dtype = dtype
        self.train_args = train_args
        self.tts = model.tts
        self.normalize = model.normalize
        self.feats_extract = model.feats_extract
        with as_config_error(Path(train_config or Path(str(model_file)).parent)):
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
            vocoder_config, vocoder_file, model, device, prefer_normalized_feats, dtype
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
            **Prosody(speed, pitch, energy, volume).changes(),
            vocoder_num_steps=vocoder_num_steps,
            vocoder_schedule=vocoder_schedule,
        )

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
            model_tag: See `find_model`, as ``cachedir``.
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
            kwargs.update(find_model(model_tag, cachedir))
        return cls(**kwargs)
