"""A voice that `espnet-prodiff export` has written, spoken with onnxruntime."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from espnet_prodiff.common.noise_numpy import Noise
from espnet_prodiff.common.sampler_numpy import Sampler
from espnet_prodiff.common.sampling import SAMPLING_OPTIONS, Sampling
from espnet_prodiff.errors import InputError, TextError
from espnet_prodiff.fileio.speech_file import speech_file
from espnet_prodiff.inference.phones import Phone
from espnet_prodiff.inference.prosody import PROSODY_OPTIONS, Prosody
from espnet_prodiff.inference.streaming import join, pieces_of, stream
from espnet_prodiff.inference.text import TextToIds
from espnet_prodiff.runtime.files import Loader, read_about
from espnet_prodiff.runtime.identity import IDENTITY, check_identity
from espnet_prodiff.runtime.prosody import durations, loudened, transposed
from espnet_prodiff.runtime.text import build_preprocessor
from espnet_prodiff.runtime.vocoder import Vocoder

OPTIONS = {*SAMPLING_OPTIONS, *PROSODY_OPTIONS, "alpha", "callback"} - {"schedule"}
TEXT_LOCK = threading.Lock()  # inflect keeps what it works on in its one engine

Output = dict[str, Any]


class Voice:
    """Speaks without torch and ESPnet: options, seeds and results of `Text2Speech`.

    Safe to call from several threads.

    Attributes:
        fs: Sampling rate in Hz.
        about: voice.json: tokens, mel contract, speakers, licence and more.

    Examples:
        >>> voice = Voice("folder")
        >>> wav = voice.say("Hello there.", speed=1.2, seed=3)  # float32, (T_wav,)
        >>> voice.save("hello.wav", "Hello there.")
        >>> for out in voice.stream(story):
        ...     play(out["wav"])
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        threads: int = 1,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        unknown_symbols: str = "error",
        text_normalizer: str = "auto",
        lexicon: str | Path | None = None,
    ) -> None:
        """Load a voice.

        Args:
            folder: What `espnet-prodiff export` has written.
            threads: Of onnxruntime. More take little off the time of a sentence and
                change the rounding.
            providers: Of onnxruntime, the best first.
            unknown_symbols: "error" or "skip", see `TextToIds`, as the next two.
            text_normalizer: "auto", "english" or "none".
            lexicon: A file of words and their phones.

        Raises:
            FileNotFoundError: It is no folder of an exported voice.
            ConfigError: It is of another format, or damaged.
        """
        self.folder = Path(folder)
        self.about = read_about(self.folder)
        load = Loader(self.folder, threads, providers)
        self._graphs = [load(name) for name in ("encoder", "condition", "denoiser")]
        text = self.about["text"]
        self.text_to_ids = TextToIds(
            build_preprocessor(text, self.folder, load),
            unknown_symbols,
            text_normalizer,
            lexicon,
        )
        self._sampler = Sampler(self.about["diffusion"])
        self._vocoder = Vocoder(self.about, load)
        self.fs: int = self.about["mel"]["fs"]

    def say(self, text: str, **options: Any) -> np.ndarray:
        """Speak a text of any length: its wave in [-1, 1], float32 (T_wav,).

        Args:
            text: The text.
            **options: ``speed``, ``pitch``, ``energy``, ``volume``; ``num_steps``,
                ``seed``, ``eta``, ``solver``, ``temperature``, ``alpha``; ``sids`` or
                ``speaker`` (a name), ``lids``, ``spembs``; ``callback``, called after
                each step, see ``espnet_prodiff.diffusion.sample``.

        Raises:
            TextError, InputError: The text or an option cannot be used.
        """
        return join(list(self.stream(text, **options)), self.fs)["wav"]

    def save(self, path: str | Path, text: str, **options: Any) -> None:
        """Speak a text into a file: .wav, .flac, .ogg or .mp3; see `say`."""
        with speech_file(path, self.fs) as sink:
            for output in self.stream(text, **options):
                sink.write(output["wav"])

    def stream(self, text: str, **options: Any) -> Iterator[Output]:
        """Speak a text sentence by sentence, as ``Text2Speech.stream`` does.

        Yields:
            Of each sentence ``wav``, ``text``, ``feat_gen`` and ``feat_gen_denorm``
            (T_feats, n_mels), ``duration`` and ``phones``.
        """
        item, conf = self.request(text, **options)
        return stream(self, pieces_of(item, conf), conf)

    def request(
        self, text: str, **options: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Check a text's options: its item and conf, for `pieces_of` and `stream`."""
        options = {name: v for name, v in options.items() if v is not None}
        item = {name: options.pop(name) for name in IDENTITY if name in options}
        if "speaker" in options:
            item["sids"] = self.speaker_id(options.pop("speaker"))
        if unknown := sorted(options.keys() - OPTIONS):
            raise InputError(
                f"a voice has no option {', '.join(unknown)}; it has "
                f"{', '.join(sorted(OPTIONS | {'speaker', *IDENTITY}))}"
            )
        self._sampler.times(_sampling(options).num_steps)
        alpha = options.get("alpha", 1.0)
        if not isinstance(alpha, int | float) or not 0 < alpha < math.inf:
            raise InputError(f"alpha is {alpha!r}, expected a number > 0")
        for name in ("pitch", "energy") & Prosody.of(options).changes().keys():
            if self.about[name] is None:
                raise InputError(f"{name} cannot be set: its unit is not known")
        return {"text": text, **check_identity(item, self.about["identity"])}, options

    def ids(self, text: str | np.ndarray) -> np.ndarray:
        """Return a text as token ids (N,), without eos; ids stay as they are.

        Raises:
            TextError: The text is empty, too long or holds unknown symbols.
        """
        if not isinstance(text, str):
            return text
        with TEXT_LOCK:
            ids = self.text_to_ids(text)
        most = self.about["text"]["most_tokens"] - 1
        if len(ids) > most:
            raise TextError(
                f"a sentence has {len(ids)} tokens, expected at most {most}"
            )
        return ids

    def speaker_id(self, speaker: str | int) -> int:
        """Return the id of a speaker by name, or a number as it is (`InputError`)."""
        known = self.about["identity"]["speakers"]
        if str(speaker).isdigit():
            return int(speaker)
        if speaker not in known:
            names = ", ".join(known) or "ids"
            raise InputError(f"no speaker {speaker!r}: this voice knows {names}")
        return known[speaker]

    def features(
        self, items: Sequence[dict[str, Any]], conf: dict[str, Any]
    ) -> Iterator[Output]:
        """Run the acoustic model, one utterance after the other; see `request`.

        The same bytes, whatever else is spoken at the time.
        """
        for number, item in enumerate(items, 1):
            try:
                yield self._speak(item, conf)
            except (InputError, TextError) as error:
                if len(items) == 1:
                    raise
                raise type(error)(f"utterance {number}: {error}") from error

    def vocode(self, output: Output, conf: dict[str, Any]) -> Output:
        """Add ``wav`` to the output of `features`."""
        wav = self._vocoder(output["feat_gen_denorm"])
        volume = Prosody.of(conf).volume
        return {**output, "wav": wav if volume == 1 else (wav * volume).clip(-1, 1)}

    def _speak(self, item: dict[str, Any], conf: dict[str, Any]) -> Output:
        ids = self.ids(item["text"])
        text = self.about["text"]
        tokens = np.append(ids, text["eos"])[None]
        identity = {k: v for k, v in item.items() if k != "text"}
        encoder, condition, denoiser = self._graphs
        hidden, log_duration, pitch, energy = encoder(tokens=tokens, **identity)
        prosody = Prosody.of(conf)
        frames = durations(log_duration[0], conf.get("alpha", 1.0), prosody.speed)
        if prosody.pitch:
            pitch = transposed(pitch, prosody.pitch, self.about["pitch"])
        if prosody.energy:
            energy = loudened(energy, prosody.energy, self.about["energy"])
        where = np.repeat(np.arange(len(frames)), frames)
        cond = condition(
            hidden=hidden, pitch=pitch, energy=energy, token_of_frame=where
        )[0]
        sampling = _sampling(conf)
        noise = Noise(sampling.seed, sampling.temperature)
        shape = (self.about["mel"]["n_mels"], len(where))

        def network(x_t: np.ndarray, noise_cond: float) -> np.ndarray:
            level = np.array([noise_cond], np.float32)
            return denoiser(x_t=x_t[None], noise_cond=level, cond=cond)[0][0]

        mel = self._sampler(
            network,
            noise(*shape),
            self._sampler.times(sampling.num_steps),
            eta=sampling.eta or 0.0,
            solver=sampling.solver,
            draw=lambda: noise(*shape),
            callback=conf.get("callback"),
        ).T
        denorm = mel
        if (stats := self.about["mel_statistics"]) is not None:
            denorm = mel * np.float32(stats["std"]) + np.float32(stats["mean"])
        ends = np.cumsum(frames) * (self.about["mel"]["hop_length"] / self.fs)
        names = [text["tokens"][i] for i in tokens[0]]
        phones = map(Phone, names, [0.0, *ends.tolist()], ends.tolist())
        return {
            **{"feat_gen": mel, "feat_gen_denorm": denorm, "duration": frames},
            **{"pitch": pitch[0], "energy": energy[0], "phones": list(phones)},
        }


def _sampling(conf: dict[str, Any]) -> Sampling:
    return Sampling(**{k: conf[k] for k in SAMPLING_OPTIONS & conf.keys()})
