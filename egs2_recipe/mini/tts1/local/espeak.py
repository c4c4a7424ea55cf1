"""libespeak-ng through ctypes: text -> samples and exact phone boundaries.

The library and its data come from the `espeakng-loader` wheel. espeak-ng keeps state
between utterances, so the same audio needs the same utterances in the same order in
a fresh process.
"""

import ctypes
from dataclasses import dataclass

import espeakng_loader
import numpy as np

SAMPLE_RATE = 22050
SILENCE = "sil"

_AUDIO_SYNCHRONOUS = 2
_PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 0x0001, 0x0002, 0x8000
_CHARS_UTF8 = 1
_EVENT_END_OF_LIST, _EVENT_PHONEME = 0, 7
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
# Below full scale: the loudest variants clip at espeak's own default of 100.
VOLUME = 60
# Pauses are digital silence; a sound is above this, out of 32,768.
_LINK_LEVEL = 50


class _EventId(ctypes.Union):
    _fields_ = [
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    ]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True)
class Style:
    """Voice, rate and pitch of an utterance.

    Attributes:
        voice: espeak voice, with an optional variant, as in "en-us+f2".
        rate: Words per minute (espeak's default is 175).
        pitch: 0 to 100 (default 50).
        pitch_range: 0 to 100 (default 50).
    """

    voice: str = "en-us"
    rate: int = 175
    pitch: int = 50
    pitch_range: int = 50


class Espeak:
    """The synthesiser; one a process, since libespeak-ng is global state."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        self._lib.espeak_Info.restype = ctypes.c_char_p
        self._lib.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        rate = self._lib.espeak_Initialize(
            _AUDIO_SYNCHRONOUS,
            0,
            espeakng_loader.get_data_path().encode(),
            _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT,
        )
        if rate != SAMPLE_RATE:
            raise RuntimeError(
                f"libespeak-ng started with sampling rate {rate}, expected "
                f"{SAMPLE_RATE}; reinstall it: pip install --force-reinstall "
                "espeakng-loader"
            )
        self._chunks: list[bytes] = []
        self._starts: list[tuple[int, str]] = []
        self._callback = _CALLBACK(self._on_audio)
        self._lib.espeak_SetSynthCallback(self._callback)
        self._lib.espeak_SetParameter(_VOLUME, VOLUME, 0)

    @property
    def version(self) -> str:
        """Version of libespeak-ng; the audio differs between versions."""
        return self._lib.espeak_Info(None).decode()

    def _on_audio(self, samples, num_samples, events) -> int:
        if samples and num_samples > 0:
            self._chunks.append(ctypes.string_at(samples, 2 * num_samples))
        index = 0
        while events[index].type != _EVENT_END_OF_LIST:
            event = events[index]
            if event.type == _EVENT_PHONEME:
                name = event.id.string.decode("utf-8", "replace") or SILENCE
                self._starts.append((event.sample, name))
            index += 1
        return 0

    def synthesize(
        self, text: str, style: Style
    ) -> tuple[np.ndarray, list[tuple[str, int]]]:
        """Synthesise one sentence.

        Args:
            text: English text.
            style: Voice, rate and pitch.

        Returns:
            Samples, int16 (n_samples,), at 22,050 Hz, and the phones in order as
            (IPA name, end in samples); pauses are named "sil", the last end is
            n_samples.

        Raises:
            RuntimeError: espeak has no such voice, or spoke nothing.
        """
        if self._lib.espeak_SetVoiceByName(style.voice.encode()) != 0:
            raise RuntimeError(f"libespeak-ng has no voice {style.voice!r}")
        for parameter, value in (
            (_RATE, style.rate),
            (_VOLUME, VOLUME),
            (_PITCH, style.pitch),
            (_RANGE, style.pitch_range),
        ):
            self._lib.espeak_SetParameter(parameter, value, 0)
        self._chunks.clear()
        self._starts.clear()
        data = text.encode()
        if self._lib.espeak_Synth(
            data, len(data) + 1, 0, 0, 0, _CHARS_UTF8, None, None
        ):
            raise RuntimeError(f"libespeak-ng failed on {text!r}")
        samples = np.frombuffer(b"".join(self._chunks), dtype=np.int16)
        if len(samples) == 0 or not self._starts:
            raise RuntimeError(f"libespeak-ng spoke nothing for {text!r}")
        return samples, _phone_ends(self._starts, samples)


def _phone_ends(
    starts: list[tuple[int, str]], samples: np.ndarray
) -> list[tuple[str, int]]:
    """Turn the events (a phone's start, in samples) into (name, end in samples).

    An unnamed event is a pause if it is silent; else it is the glide that links two
    vowels, and belongs to the phone before it. Neighbouring pauses become one.
    """
    phones: list[tuple[str, int]] = []
    starts = [(0, SILENCE), *starts]
    ends = [start for start, _ in starts[1:]] + [len(samples)]
    for (start, name), end in zip(starts, ends, strict=True):
        end = min(end, len(samples))
        if end <= start:
            continue
        if name == SILENCE and phones:
            is_link = np.median(np.abs(samples[start:end].astype(int))) > _LINK_LEVEL
            if is_link or phones[-1][0] == SILENCE:
                name = phones.pop()[0]
        phones.append((name, end))
    return phones
