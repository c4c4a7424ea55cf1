"""Write the audio of a ``wav.scp`` as plain mono files of one rate and format.

A job of stage 2: ``python3 -m espnet_prodiff.recipe.format_wav SCP SEGMENTS|none
OUT_DIR FORMAT FS``. A file that already is as wanted is left where it is.
"""

import io
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile

from espnet_prodiff.recipe.data_dir import read_table
from espnet_prodiff.recipe.errors import RecipeError

Wave = tuple[np.ndarray, int, str]  # samples, rate in Hz, subtype of the file


def read_audio(utterance: str, source: str) -> Wave:
    """Read a file, or the output of a command that ends in ``|``.

    Raises:
        RecipeError: It cannot be read, or the audio is not what can be trained on.
    """
    where = f"utterance {utterance} ({source})"
    stream: io.BytesIO | str = source
    if source.endswith("|"):
        result = subprocess.run(source[:-1], shell=True, stdout=subprocess.PIPE)
        if result.returncode:
            raise RecipeError(f"{where}: the command ended with {result.returncode}")
        stream = io.BytesIO(result.stdout)
    elif not Path(source).is_file():
        raise RecipeError(f"{where}: no such file, expected an audio file")
    try:
        with soundfile.SoundFile(stream) as f:
            wave, rate, subtype = f.read(), f.samplerate, f.subtype
    except soundfile.SoundFileError as e:
        raise RecipeError(f"{where}: found unreadable audio: {e}") from None
    check_audio(where, wave)
    return wave, rate, subtype


def check_audio(where: str, wave: np.ndarray) -> None:
    """Check samples ``(n_samples,)``.

    Raises:
        RecipeError: More than one channel, no samples, NaN or infinite samples.
    """
    if wave.ndim > 1:
        raise RecipeError(f"{where}: found {wave.shape[1]} channels, expected 1 (mono)")
    if not len(wave):
        raise RecipeError(f"{where}: found 0 samples, expected speech")
    bad = np.flatnonzero(~np.isfinite(wave))
    if len(bad):
        raise RecipeError(
            f"{where}: found {len(bad)} NaN or infinite samples (first at {bad[0]}), "
            "expected finite ones"
        )


def recordings(scp: dict[str, str]) -> Iterator[tuple[str, str, Wave]]:
    """Yield utterance, source and audio of each line of a ``wav.scp``."""
    for utterance, source in scp.items():
        yield utterance, source, read_audio(utterance, source)


def cut(
    scp: dict[str, str], segments: dict[str, str]
) -> Iterator[tuple[str, str, Wave]]:
    """Yield the pieces that ``segments`` names: utterance, no source, audio.

    Args:
        scp: Source of each recording.
        segments: ``recording start end`` of each utterance, in seconds; an end of -1
            is the recording's.
    """
    last, audio = None, None
    for utterance, text in segments.items():
        try:
            recording, start, end = text.split()
            begin, finish = float(start), float(end)
        except ValueError:
            raise RecipeError(
                f"segments: utterance {utterance} has '{text}', "
                "expected 'recording start end'"
            ) from None
        if recording not in scp:
            raise RecipeError(
                f"segments: utterance {utterance} is cut from {recording}, "
                "which is not in wav.scp"
            )
        if recording != last:
            last, audio = recording, read_audio(recording, scp[recording])
        wave, rate, _ = audio
        stop = len(wave) if finish == -1 else int(finish * rate)
        piece = wave[int(begin * rate) : stop]
        check_audio(f"segments: utterance {utterance} ({text})", piece)
        yield utterance, "", (piece, rate, "")


def format_wav(scp: Path, segments: Path | None, out: Path, kind: str, fs: int) -> None:
    """Write ``<out>/wav.scp``, ``<out>/utt2num_samples`` and the audio.

    Args:
        scp: ``wav.scp``, one line per recording.
        segments: Pieces to cut out, or None.
        out: Directory to write to.
        kind: ``wav``, ``flac``, ``wav.ark`` or ``flac.ark``.
        fs: Sampling rate in Hz; audio of another rate is resampled.

    Raises:
        RecipeError: Bad audio or bad tables.
    """
    out.mkdir(parents=True, exist_ok=True)
    table = read_table(scp)
    source_of = cut(table, read_table(segments)) if segments else recordings(table)
    ark = (out / "data_wav.ark").open("wb") if kind.endswith("ark") else None
    with (
        (out / "wav.scp").open("w", encoding="utf-8") as paths,
        (out / "utt2num_samples").open("w", encoding="utf-8", buffering=1) as lengths,
    ):
        for utterance, source, (wave, rate, subtype) in source_of:
            as_it_is = (
                Path(source).suffix == f".{kind}"
                and rate == fs
                and subtype == soundfile.default_subtype(kind)
            )
            if rate != fs:
                import resampy  # slow to import, and not always needed

                wave = resampy.resample(wave, rate, fs)
            if as_it_is:
                paths.write(f"{utterance} {source}\n")
            elif ark:
                import kaldiio

                kaldiio.save_ark(
                    ark,
                    {utterance: (wave, fs)},
                    scp=paths,
                    write_function="soundfile",
                    write_kwargs={"format": kind.split(".")[0]},
                )
            else:
                soundfile.write(out / f"{utterance}.{kind}", wave, fs)
                paths.write(f"{utterance} {out / f'{utterance}.{kind}'}\n")
            lengths.write(f"{utterance} {len(wave)}\n")
    if ark:
        ark.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one job."""
    scp, segments, out, kind, fs = sys.argv[1:] if argv is None else argv
    cuts = None if segments == "none" else Path(segments)
    try:
        format_wav(Path(scp), cuts, Path(out), kind, int(fs))
    except RecipeError as e:
        print(f"error: {e}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
