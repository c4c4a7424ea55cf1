"""Options of a waveform model that repeat those of the features."""

import argparse

from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from espnet_prodiff.errors import ConfigError
from espnet_prodiff.training.registry import CLASSES


def copy_feature_options(args: argparse.Namespace) -> None:
    """Give ``tts_conf`` what it shares with ``feats_extract_conf``.

    Without effect for models that do not ask for them, and where it was done before.

    Raises:
        ConfigError: If ``tts_conf`` says otherwise than the features, or there are no
            features to go by.
    """
    names = CLASSES[args.tts].feature_options
    if not names:
        return
    if args.feats_extract != "fbank" or getattr(args, "odim", None) is not None:
        raise ConfigError(
            f"tts: {args.tts} is trained on waves and the log-mels that are taken of "
            f"them (feats_extract: fbank, no odim), but feats_extract is "
            f"{args.feats_extract} and odim is {args.odim}"
        )
    for part in ("pitch", "energy"):
        if getattr(args, f"{part}_extract", None) is not None:
            raise ConfigError(
                f"tts: {args.tts} takes no {part}, but {part}_extract is "
                f"{getattr(args, f'{part}_extract')}: leave it out"
            )
    features = LogMelFbank(**args.feats_extract_conf or {})
    values = {
        "hop_length": features.hop_length,
        "sampling_rate": features.fs,
        "n_fft": features.n_fft,
    }
    values = {name: values[name] for name in names}
    for name, value in values.items():
        if args.tts_conf.get(name, value) != value:
            raise ConfigError(
                f"{name} of tts_conf is {args.tts_conf[name]}, but that of the "
                f"features is {value}: leave it out of tts_conf, it follows them"
            )
    args.tts_conf = {**args.tts_conf, **values}
