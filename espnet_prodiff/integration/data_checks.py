"""Data that would fail late or silently are refused early, by name."""

import argparse
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

HOW_TO_GET_DURATIONS = (
    "give tts.sh --teacher_dumpdir <dir> with <dir>/<set>/durations (from MFA, a "
    "Tacotron 2 teacher, or the learned aligner: python3 -m espnet_prodiff.bin.align)"
)


class DataError(ValueError):
    """An utterance or file that cannot be used; the message names it."""


class CheckedPreprocessor:
    """ESPnet's preprocessor between two looks at the utterance.

    Args:
        preprocess: ESPnet's preprocessor.
        hop_length: Samples a frame, or None if features are not extracted from audio.
    """

    def __init__(self, preprocess: Callable, hop_length: int | None) -> None:
        self.preprocess = preprocess
        self.hop_length = hop_length
        self._warned: set[str] = set()

    def __call__(self, uid: str, data: dict) -> dict[str, np.ndarray]:
        """Check and preprocess an utterance.

        Raises:
            DataError: If its text, audio or durations cannot be used.
        """
        text = data.get("text")
        data = self.preprocess(uid, data)
        tokens = data.get("text")
        if tokens is not None:
            if len(tokens) == 0:
                raise DataError(f"utterance {uid}: its text {text!r} has no tokens")
            self._name_unknown(uid, text, tokens)
        speech = data.get("speech")
        if speech is not None and speech.dtype.kind == "f":
            self._check_speech(uid, speech)
        durations = data.get("durations")
        if durations is not None and tokens is not None:
            self._check_durations(uid, durations, len(tokens), speech)
        return data

    def _name_unknown(self, uid: str, text: object, tokens: np.ndarray) -> None:
        converter = getattr(self.preprocess, "token_id_converter", None)
        if converter is None or not isinstance(text, str):
            return
        positions = np.flatnonzero(tokens == converter.unk_id)
        if not len(positions):
            return
        pieces = self.preprocess.tokenizer.text2tokens(
            self.preprocess.text_cleaner(text)
        )
        unknown = [f"{pieces[i]!r} (token {i + 1})" for i in positions]
        if any(pieces[i] not in self._warned for i in positions):
            self._warned.update(pieces[i] for i in positions)
            logging.warning(
                f"utterance {uid}: not in the token list and read as <unk>: "
                f"{', '.join(unknown)}"
            )

    @staticmethod
    def _check_speech(uid: str, speech: np.ndarray) -> None:
        if speech.ndim != 1 and speech.shape[-1] == 2:
            raise DataError(
                f"utterance {uid}: its audio is stereo, expected one channel"
            )
        if speech.size == 0:
            raise DataError(f"utterance {uid}: its audio is empty")
        if not np.isfinite(speech).all():
            raise DataError(f"utterance {uid}: its audio holds NaN or infinite samples")

    def _check_durations(
        self, uid: str, durations: np.ndarray, tokens: int, speech: np.ndarray | None
    ) -> None:
        if (durations < 0).any():
            raise DataError(
                f"utterance {uid}: negative durations {durations[durations < 0]}"
            )
        if len(durations) != tokens + 1:
            raise DataError(
                f"utterance {uid}: {len(durations)} durations, expected {tokens + 1}: "
                f"one for each of its {tokens} tokens and one for the end of the "
                "sentence. Were they made with the same token type, cleaner and g2p?"
            )
        if speech is None or speech.ndim != 1 or self.hop_length is None:
            return
        frames = len(speech) // self.hop_length + 1
        if durations.sum() != frames:
            raise DataError(
                f"utterance {uid}: its durations sum to {durations.sum()} frames, but "
                f"its audio has {frames} ({len(speech)} samples, hop "
                f"{self.hop_length}). Were they made with the same hop and audio?"
            )


def check_data(args: argparse.Namespace) -> None:
    """Check the files of a training before anything is written.

    Raises:
        DataError: If durations are missing for the training or for an utterance, or
            the statistics are of another corpus or another number of mel bins.
    """
    for part in ("train", "valid"):
        triples = getattr(args, f"{part}_data_path_and_name_and_type") or []
        files = {name: Path(path) for path, name, _ in triples}
        if not triples:
            continue
        if "durations" not in files:
            raise DataError(
                f"tts: {args.tts} needs durations, but --{part}_data_path_and_name_and"
                f"_type names {', '.join(files)} only: {HOW_TO_GET_DURATIONS}"
            )
        shape_files = getattr(args, f"{part}_shape_file")
        if shape_files:
            _check_covered(files["durations"], Path(shape_files[0]))
    stats_file = (args.normalize_conf or {}).get("stats_file")
    if args.normalize == "global_mvn" and stats_file is not None:
        _check_stats(Path(stats_file), args)


def _check_covered(durations: Path, wanted: Path) -> None:
    if not durations.is_file():
        raise DataError(f"{durations} does not exist: {HOW_TO_GET_DURATIONS}")
    missing = sorted(set(_keys(wanted)) - set(_keys(durations)))
    if missing:
        raise DataError(
            f"{durations} lacks {len(missing)} of the utterances of {wanted}: "
            f"{', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}. Make their "
            "durations or take them out of the data directory"
        )


def _check_stats(stats_file: Path, args: argparse.Namespace) -> None:
    if not stats_file.is_file():
        raise DataError(f"{stats_file} does not exist: run stage 6 first")
    with np.load(stats_file) as stats:
        frames, bins = int(stats["count"]), len(stats["sum"])
    conf = args.feats_extract_conf or {}
    expected_bins = conf.get("n_mels")
    if expected_bins is not None and bins != expected_bins:
        raise DataError(
            f"{stats_file} is of {bins} mel bins, but the features have "
            f"{expected_bins}: run stage 6 again with the same options"
        )
    shapes = [path for path in args.train_shape_file if "speech_shape" in path]
    hop = conf.get("hop_length")
    if not shapes or hop is None:
        return
    with open(shapes[0], encoding="utf-8") as lines:
        samples = [int(line.split()[1].split(",")[0]) for line in lines]
    expected = sum(length // hop + 1 for length in samples)
    if frames != expected:
        raise DataError(
            f"{stats_file} was computed over {frames} frames, but the utterances of "
            f"{shapes[0]} have {expected}: it is of another corpus. Run stage 6 again"
        )


def _keys(path: Path) -> Iterable[str]:
    with path.open(encoding="utf-8") as lines:
        return [line.split(maxsplit=1)[0] for line in lines if line.strip()]
