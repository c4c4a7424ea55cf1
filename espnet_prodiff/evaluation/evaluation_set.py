"""The utterances that systems are compared on."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from espnet_prodiff.errors import DataError
from espnet_prodiff.fileio.audio import read_recording
from espnet_prodiff.fileio.tables import check_id, read_durations, read_table


@dataclass(frozen=True)
class EvaluationSet:
    """Recordings, texts and reference durations of the same utterances.

    Attributes:
        directory: The data directory.
        fs: Sampling rate in Hz, of the first recording.
        recordings: Sound file by utterance.
        texts: Text by utterance.
        durations: Frames per token (T_text + 1,) by utterance; may be empty.
        durations_file: Where they were read.
        ids: ``sids`` and ``lids`` by utterance, where the directory has them.
        spembs: Speaker embedding (D,) by utterance; may be empty.
    """

    directory: Path
    fs: int
    recordings: dict[str, Path]
    texts: dict[str, str]
    durations: dict[str, np.ndarray] = field(default_factory=dict)
    durations_file: Path | None = None
    ids: dict[str, dict[str, int]] = field(default_factory=dict)
    spembs: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.recordings)

    def __iter__(self) -> Iterator[str]:
        return iter(self.recordings)


def read_evaluation_set(
    data_dir: str | Path,
    durations: str | Path | None = None,
    spembs: str | Path | None = None,
    max_utts: int | None = None,
) -> EvaluationSet:
    """Read an ESPnet data directory, or only its first ``max_utts`` utterances.

    Args:
        data_dir: With ``wav.scp`` and ``text``; perhaps ``utt2sid`` and ``utt2lid``.
        durations: A ``durations`` file.
        spembs: A Kaldi scp of speaker embeddings.
        max_utts: Number of utterances; None is all.

    Raises:
        DataError: A file is missing or lacks an utterance.
    """
    root = Path(data_dir)
    if not root.is_dir():
        raise DataError(f"Data directory {root} does not exist.")
    recordings = read_table(root / "wav.scp")
    if not recordings:
        raise DataError(f"{root / 'wav.scp'} is empty, expected utterances")
    utts = list(recordings)[:max_utts]
    for utt in utts:
        check_id(utt, str(root / "wav.scp"))

    def pick(table: dict, path: str | Path) -> dict:
        missing = [utt for utt in utts if utt not in table]
        if missing:
            raise DataError(
                f"{path} lacks {len(missing)} of the {len(utts)} utterances of "
                f"{root}/wav.scp, first {missing[0]}."
            )
        return {utt: table[utt] for utt in utts}

    ids = {}
    for name, file in (("sids", root / "utt2sid"), ("lids", root / "utt2lid")):
        if file.is_file():
            ids[name] = {u: int(v) for u, v in pick(read_table(file), file).items()}
    vectors = {}
    if spembs is not None:
        from espnet_prodiff.fileio.kaldi import read_vectors

        vectors = read_vectors(pick(read_table(spembs), spembs), spembs)
    return EvaluationSet(
        directory=root,
        fs=read_recording(recordings[utts[0]], utts[0]).fs,
        recordings={utt: Path(recordings[utt]) for utt in utts},
        texts=pick(read_table(root / "text"), root / "text"),
        durations=pick(read_durations(durations), durations) if durations else {},
        durations_file=Path(durations) if durations else None,
        ids=ids,
        spembs=vectors,
    )
