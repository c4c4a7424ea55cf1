"""The numbers that define a mel spectrogram, to compare a model and a vocoder.

A vocoder fed with mels of another kind gives noise or a metallic voice without any
error; here the pair is refused with both sides side by side.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from espnet_prodiff.errors import MelContractError


@dataclasses.dataclass(frozen=True)
class MelContract:
    """The numbers that define a log-mel spectrogram of magnitudes (not powers).

    Attributes:
        fs: Sampling rate in Hz.
        n_fft: FFT size in samples.
        hop_length: Hop in samples.
        win_length: Window length in samples.
        window: Window name.
        n_mels: Number of mel channels.
        fmin: Lower edge in Hz.
        fmax: Upper edge in Hz.
        log_base: 10.0, 2.0 or ``"e"``.
        mel_scale: ``"slaney"`` or ``"htk"``.
        center: Whether frame k is centred on sample ``k * hop_length``.
        normalized: Whether the spectrum is divided by the root of the FFT size.
        onesided: Whether the spectrum ends at half the rate.
    """

    fs: int
    n_fft: int
    hop_length: int
    win_length: int
    window: str
    n_mels: int
    fmin: float
    fmax: float
    log_base: float | str = 10.0
    mel_scale: str = "slaney"
    center: bool = True
    normalized: bool = False
    onesided: bool = True

    @classmethod
    def of_feats_extract(cls, feats_extract: Any) -> MelContract:
        """Read the contract of ESPnet's ``LogMelFbank`` (``feats_extract: fbank``).

        Raises:
            MelContractError: The extractor does not make mels.
        """
        if not isinstance(feats_extract, LogMelFbank):
            raise MelContractError(
                f"the model's features are {type(feats_extract).__name__}, and a "
                "vocoder wants log-mels: train with feats_extract: fbank, or leave out "
                "--vocoder_file"
            )
        same = "fs n_fft hop_length win_length window n_mels fmin fmax".split()
        return cls._build(
            **{name: getattr(feats_extract, name) for name in same},
            log_base=feats_extract.logmel.log_base,
            htk=feats_extract.logmel.mel_options["htk"],
            center=feats_extract.stft.center,
            normalized=feats_extract.stft.normalized,
            onesided=feats_extract.stft.onesided,
        )

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> MelContract:
        """Read the contract of a model from the config.yaml of its training.

        Raises:
            MelContractError: The model has no mels.
        """
        kind = config.get("feats_extract")
        if kind != "fbank":
            raise MelContractError(
                f"the model's features are {kind}, and a vocoder wants log-mels "
                "(feats_extract: fbank)"
            )
        return cls.of_feats_extract(LogMelFbank(**config["feats_extract_conf"] or {}))

    @classmethod
    def of_parallel_wavegan(cls, config: Mapping[str, Any]) -> MelContract:
        """Read the contract of a ParallelWaveGAN ``config.yml``.

        Source: ``logmelfilterbank`` of its preprocessing: magnitudes, Slaney mels,
        base 10, no window length = FFT size, no edge = 0 Hz and half the rate.

        Raises:
            MelContractError: The config lacks one of its keys.
        """
        required = ("sampling_rate", "fft_size", "hop_size", "num_mels")
        missing = [key for key in required if not config.get(key)]
        if missing:
            raise MelContractError(
                f"the vocoder's config lacks {', '.join(missing)}: pass the config.yml "
                "that its training wrote (--vocoder_config)"
            )
        return cls._build(
            fs=config["sampling_rate"],
            n_fft=config["fft_size"],
            hop_length=config["hop_size"],
            win_length=config.get("win_length"),
            window=config.get("window", "hann"),
            n_mels=config["num_mels"],
            fmin=config.get("fmin"),
            fmax=config.get("fmax"),
            log_base=config.get("log_base", 10.0),
            htk=False,
        )

    @classmethod
    def _build(
        cls,
        win_length: int | None,
        fmin: float | None,
        fmax: float | None,
        log_base: float | None,
        htk: bool,
        **same: Any,
    ) -> MelContract:
        return cls(
            win_length=win_length or same["n_fft"],
            fmin=float(fmin or 0),
            fmax=float(fmax or same["fs"] / 2),
            log_base="e" if log_base is None else float(log_base),
            mel_scale="htk" if htk else "slaney",
            **same,
        )

    def require_match(self, vocoder: MelContract, name: str) -> None:
        """Refuse a vocoder whose mels differ from these, the acoustic model's.

        Args:
            vocoder: The vocoder's contract.
            name: What to call the vocoder, usually its file.

        Raises:
            MelContractError: Some number differs; the message is a table of all.
        """
        rows = [
            (field.name, getattr(self, field.name), getattr(vocoder, field.name))
            for field in dataclasses.fields(self)
        ]
        if all(mine == theirs for _, mine, theirs in rows):
            return
        raise MelContractError(
            f"vocoder {name} was trained on other mels than the model makes:\n"
            + _table(rows, "model", "vocoder")
            + "\nuse a vocoder with the model's numbers, train the model with the "
            "vocoder's (feats_extract_conf), or leave out --vocoder_file"
        )

    def require_rate(self, rate: int, name: str) -> None:
        """Refuse a recording of another rate (Hz); ``name`` is usually its file.

        Raises:
            MelContractError: The message is a table of both sides.
        """
        if rate != self.fs:
            raise MelContractError(
                f"{name} has another sampling rate than the model:\n"
                + _table([("fs", self.fs, rate)], "model", "recording")
                + "\nresample the recording, or use a model of its rate"
            )


def _table(rows: list[tuple[str, Any, Any]], mine: str, theirs: str) -> str:
    """Return both sides, one row a number; a ``!`` marks those that differ."""
    lines = [f"  {'':<12}{mine:>12}{theirs:>12}"] + [
        f"{'!' if a != b else ' '} {key:<12}{a!s:>12}{b!s:>12}" for key, a, b in rows
    ]
    return "\n".join(lines)
