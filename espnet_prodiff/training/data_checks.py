"""Data that would fail late or silently are refused early, by name."""

import argparse
import logging
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from espnet_prodiff.errors import DataError
from espnet_prodiff.fileio import kaldi  # noqa: F401 - guards ESPnet's readers
from espnet_prodiff.fileio.audio import LOUDEST, check_loudness
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.training.data_tables import (
    HOW_TO_GET_DURATIONS,
    check_ids,
    check_tables,
    check_tokens,
    read_statistics,
)
from espnet_prodiff.training.registry import CLASSES

HOW_TO_GET_LABELS = (
    "run the recipe with --use_sid true, where the speakers of utt2spk are the "
    "classes, or give a file of lines 'utterance label' as sids,text_int"
)
FULL_SCALE = 0.999  # samples beyond it may have been cut off


class CheckedPreprocessor:
    """ESPnet's preprocessor between two looks at the utterance.

    ``hop_length`` is None if features are not extracted from audio.
    """

    def __init__(self, preprocess: Any, hop_length: int | None) -> None:
        self.preprocess = preprocess
        self.hop_length = hop_length
        self._warned: set[str] = set()
        self._embedding_size: int | None = None

    def __call__(self, uid: str, data: dict) -> dict[str, np.ndarray]:
        """Check and preprocess an utterance.

        Raises:
            DataError: If its text, audio, durations or mels cannot be used.
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
        spembs = data.get("spembs")
        if spembs is not None:
            self._check_embedding(uid, spembs)
        durations = data.get("durations")
        if durations is not None and durations.ndim == 2:  # see DiffWave.forward
            self._check_mels(uid, durations, speech)
        elif durations is not None and tokens is not None:
            self._check_durations(uid, durations, len(tokens), speech)
        return data

    def _name_unknown(self, uid: str, text: object, tokens: np.ndarray) -> None:
        converter = getattr(self.preprocess, "token_id_converter", None)
        if converter is None or not isinstance(text, str):
            return
        positions = np.flatnonzero(tokens == converter.unk_id)
        if not len(positions):
            return
        cleaned = self.preprocess.text_cleaner(text)
        pieces = self.preprocess.tokenizer.text2tokens(cleaned)
        unknown = [f"{pieces[i]!r} (token {i + 1})" for i in positions]
        if any(pieces[i] not in self._warned for i in positions):
            self._warned.update(pieces[i] for i in positions)
            logging.warning(
                f"utterance {uid}: not in the token list and read as <unk>: "
                f"{', '.join(unknown)}"
            )

    def _check_speech(self, uid: str, speech: np.ndarray) -> None:
        if speech.ndim != 1 and speech.shape[-1] == 2:
            raise DataError(
                f"utterance {uid}: its audio is stereo, expected one channel"
            )
        if speech.size == 0:
            raise DataError(f"utterance {uid}: its audio is empty")
        if not np.isfinite(speech).all():
            raise DataError(f"utterance {uid}: its audio holds NaN or infinite samples")
        if speech.ndim != 1:
            return  # ready-made features
        if np.abs(speech).max() > LOUDEST:
            check_loudness(speech, f"utterance {uid}")
        stuck = (np.abs(speech[1:]) >= FULL_SCALE) & (speech[1:] == speech[:-1])
        if stuck.sum() > 0.001 * len(speech) and uid not in self._warned:
            self._warned.add(uid)
            logging.warning(
                f"utterance {uid}: {stuck.mean():.1%} of its samples stay at full "
                "scale: its audio is clipped, and a model learns the distortion"
            )

    def _check_embedding(self, uid: str, spembs: np.ndarray) -> None:
        size = self._embedding_size = self._embedding_size or spembs.size
        if spembs.ndim != 1 or spembs.size != size or not np.isfinite(spembs).all():
            raise DataError(
                f"utterance {uid}: its speaker embedding has the shape {spembs.shape}, "
                f"expected {size} finite numbers"
            )

    def _check_mels(
        self, uid: str, mels: np.ndarray, speech: np.ndarray | None
    ) -> None:
        if speech is None or self.hop_length is None:
            return  # nothing to compare them with
        frames = len(speech) // self.hop_length + 1
        if len(mels) != frames or not np.isfinite(mels).all():
            raise DataError(
                f"utterance {uid}: its mels have {len(mels)} frames, expected {frames} "
                f"finite ones ({len(speech)} samples, hop {self.hop_length}): make "
                "them with the durations of this recording"
            )

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
        DataError: If durations or labels are missing for the training, a table lacks
            an utterance or its file, audio has another sampling rate, the token list
            cannot be used, or the statistics are of another corpus or size.
    """
    check_tokens(args)
    for part in ("train", "valid"):
        triples = getattr(args, f"{part}_data_path_and_name_and_type") or []
        files = {name: Path(path) for path, name, _ in triples}
        if not triples:
            continue
        for path, name, kind in triples:
            if name == "speech" and kind == "sound":
                check_sampling_rate(Path(path), args.feats_extract_conf or {})
        if args.tts_conf.get("num_labels") is not None:
            if "sids" not in files:
                raise DataError(
                    f"num_labels is {args.tts_conf['num_labels']}, but no sids: "
                    f"{HOW_TO_GET_LABELS}"
                )
        if CLASSES[args.tts].needs_durations and "durations" not in files:
            raise DataError(
                f"tts: {args.tts} needs durations, but --{part}_data_path_and_name_and"
                f"_type names {', '.join(files)} only: {HOW_TO_GET_DURATIONS}"
            )
        shape_files = getattr(args, f"{part}_shape_file")
        check_tables(triples, Path(shape_files[0]) if shape_files else None)
        for key, name in (("num_labels", "sids"), ("spks", "sids"), ("langs", "lids")):
            count = args.tts_conf.get(key)
            if count is not None and count > 1 and name in files:
                check_ids(files[name], count, key)
    for part in ("", "pitch_", "energy_"):
        file = (getattr(args, f"{part}normalize_conf", None) or {}).get("stats_file")
        if getattr(args, f"{part}normalize", None) == "global_mvn" and file is not None:
            _check_stats(Path(file), args, is_pitch_or_energy=bool(part))


def check_sampling_rate(wav_scp: Path, feats_extract_conf: dict[str, Any]) -> None:
    """Check the first file of a wav.scp; ESPnet sees to it that all are alike.

    Raises:
        DataError: If it has another rate than the features.
    """
    source = next(iter(read_table(wav_scp).values()), "")
    expected = feats_extract_conf.get("fs")
    if expected is None or not Path(source).is_file():
        return
    try:
        rate = soundfile.info(source).samplerate
    except soundfile.LibsndfileError:
        return  # the reader will name it
    expected = LogMelFbank(fs=expected).fs  # "24k" is 24000
    if rate != expected:
        raise DataError(
            f"{wav_scp}: {source} has {rate} Hz, but the features (fs) have "
            f"{expected} Hz: resample it (stage 2 does), or train with --fs {rate}"
        )


def _check_stats(
    stats_file: Path, args: argparse.Namespace, is_pitch_or_energy: bool
) -> None:
    conf = args.feats_extract_conf or {}
    bins = 1 if is_pitch_or_energy else conf.get("n_mels")
    frames, _ = read_statistics(stats_file, bins)
    shapes = [path for path in args.train_shape_file if "speech_shape" in path]
    hop = conf.get("hop_length")
    if not shapes or hop is None or is_pitch_or_energy:
        return
    samples = [int(shape.split(",")[0]) for shape in read_table(shapes[0]).values()]
    expected = sum(length // hop + 1 for length in samples)
    if frames != expected:
        raise DataError(
            f"{stats_file} was computed over {frames} frames, but the utterances of "
            f"{shapes[0]} have {expected}: it is of another corpus. Run stage 6 again"
        )
