"""libflite through ctypes: text -> samples, and its phones with their exact ends.

The libraries come from Debian's package `flite`. flite is deterministic: the same text
and voice give the same bytes.
"""

import ctypes
from dataclasses import dataclass

import numpy as np

SAMPLE_RATE = 16000
VOICES = ("slt", "awb", "rms", "kal16")
PACKAGE = "flite"  # of Debian and Ubuntu
SILENCE = "pau"

_WORD = "R:SylStructure.parent.parent"


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


@dataclass(frozen=True)
class Phone:
    """One segment of an utterance.

    Attributes:
        name: flite's name of the phone, "pau" for a pause.
        end: Where it ends, in samples.
        stress: "1" in a stressed syllable, else "0".
        word: The word as flite reads it; "0" for a pause.
        kind: Its kind, as flite guesses it: "content", "det", "in" ...
        punctuation: What follows the word in the text.
    """

    name: str
    end: float
    stress: str
    word: str
    kind: str
    punctuation: str


class Flite:
    """A voice of flite; ``voice`` is one of `VOICES`.

    Raises:
        OSError: libflite or the voice is not installed.
    """

    def __init__(self, voice: str) -> None:
        self._lib = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
        for name in ("usenglish", "cmulex"):
            ctypes.CDLL(f"libflite_{name}.so.1", mode=ctypes.RTLD_GLOBAL)
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        for name, result, arguments in (
            ("feat_set_float", None, [pointer, text, ctypes.c_float]),
            ("flite_synth_text", pointer, [text, pointer]),
            ("delete_utterance", None, [pointer]),
            ("utt_relation", pointer, [pointer, text]),
            ("utt_wave", ctypes.POINTER(_Wave), [pointer]),
            ("relation_head", pointer, [pointer]),
            ("item_next", pointer, [pointer]),
            ("flite_ffeature_string", text, [pointer, text]),
            ("flite_ffeature_float", ctypes.c_float, [pointer, text]),
        ):
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments
        self._lib.flite_init()
        library = ctypes.CDLL(f"libflite_cmu_us_{voice}.so.1")
        register = getattr(library, f"register_cmu_us_{voice}")
        register.restype, register.argtypes = pointer, [text]
        self._voice = register(None)
        # struct cst_voice: its name, then its features.
        self._features = ctypes.cast(self._voice, ctypes.POINTER(pointer))[1]

    def synthesize(
        self, text: str, semitones: float = 0.0
    ) -> tuple[np.ndarray, list[Phone]]:
        """Synthesise one sentence.

        Args:
            text: English text.
            semitones: How much higher than the voice speaks; the spectral envelope and
                the durations stay.

        Returns:
            Samples, int16 (n_samples,), at 16 kHz, and the phones in order.

        Raises:
            RuntimeError: flite spoke nothing, or at another sampling rate.
        """
        self._lib.feat_set_float(self._features, b"f0_shift", 2 ** (semitones / 12))
        utterance = self._lib.flite_synth_text(text.encode(), self._voice)
        try:
            wave = self._lib.utt_wave(utterance).contents
            if wave.num_samples < 1 or wave.sample_rate != SAMPLE_RATE:
                raise RuntimeError(
                    f"flite gave {wave.num_samples} samples at {wave.sample_rate} Hz "
                    f"for {text!r}, expected some at {SAMPLE_RATE} Hz"
                )
            samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).copy()
            return samples, self._phones(utterance)
        finally:
            self._lib.delete_utterance(utterance)

    def _phones(self, utterance: int) -> list[Phone]:
        phones = []
        relation = self._lib.utt_relation(utterance, b"Segment")
        item = self._lib.relation_head(relation)
        while item:
            end = self._lib.flite_ffeature_float(item, b"end") * SAMPLE_RATE
            names = (
                "R:SylStructure.parent.stress",
                f"{_WORD}.name",
                f"{_WORD}.gpos",
                f"{_WORD}.R:Token.parent.punc",
            )
            name, *features = (
                self._lib.flite_ffeature_string(item, feature.encode()).decode()
                for feature in ("name", *names)
            )
            phones.append(Phone(name, end, *features))
            item = self._lib.item_next(item)
        return phones
