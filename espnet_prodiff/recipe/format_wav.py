"""Write the audio of a ``wav.scp`` as plain mono files of one rate and format.

A job of stage 2: ``python3 -m espnet_prodiff.recipe.format_wav SCP SEGMENTS|none
OUT_DIR FORMAT FS ALLOW_PIPES``. A file that has the rate and format already stays
where it is.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile

from espnet_prodiff.errors import NO_SPACE, UserError
from espnet_prodiff.fileio.audio import (
    Recording,
    check_loudness,
    check_samples,
    read_recording,
    write_audio,
)
from espnet_prodiff.fileio.kaldi import allow_pipes
from espnet_prodiff.fileio.tables import check_id, read_table


def read_recordings(scp: dict[str, str]) -> Iterator[tuple[str, str, Recording]]:
    """Yield utterance, source and audio of each line of a ``wav.scp``."""
    for utterance, source in scp.items():
        check_id(utterance, "wav.scp")
        recording = read_recording(source, utterance, commands=True)
        check_samples(recording.samples, f"utterance {utterance} ({source})")
        check_loudness(recording.samples, f"utterance {utterance} ({source})")
        yield utterance, source, recording


def cut_segments(
    scp: dict[str, str], segments: dict[str, str]
) -> Iterator[tuple[str, str, Recording]]:
    """Yield utterance, an empty source and audio of each line of ``segments``.

    It holds ``recording start end`` in seconds; an end of -1 is the recording's.
    """
    last, audio = "", None
    for utterance, text in segments.items():
        check_id(utterance, "segments")
        try:
            recording, start, end = text.split()
            begin, finish = float(start), float(end)
        except ValueError:
            raise UserError(
                f"segments: utterance {utterance} has '{text}', "
                "expected 'recording start end'"
            ) from None
        if recording not in scp:
            raise UserError(
                f"segments: utterance {utterance} is cut from {recording}, "
                "which is not in wav.scp"
            )
        if audio is None or recording != last:
            last = recording
            audio = read_recording(scp[recording], recording, commands=True)
        wave, rate, _ = audio
        seconds = len(wave) / rate
        if begin < 0 or finish > seconds + 0.5 or -1 < finish < begin:
            raise UserError(
                f"segments: utterance {utterance} ({text}) is not inside its "
                f"recording, which has {seconds:.2f} s"
            )
        stop = len(wave) if finish == -1 else int(finish * rate)
        piece = wave[int(begin * rate) : stop]
        check_samples(piece, f"segments: utterance {utterance} ({text})")
        check_loudness(piece, f"segments: utterance {utterance} ({text})")
        yield utterance, "", Recording(piece, rate, "")


def format_wav(scp: Path, segments: Path | None, out: Path, kind: str, fs: int) -> None:
    """Write ``<out>/wav.scp``, ``<out>/utt2num_samples`` and the audio.

    Args:
        scp: ``wav.scp``, one line per recording.
        segments: Pieces to cut out, or None.
        out: Directory to write to.
        kind: ``wav``, ``flac``, ``wav.ark`` or ``flac.ark``.
        fs: Sampling rate in Hz; audio of another rate is resampled.

    Raises:
        UserError: Bad audio or bad tables.
    """
    out.mkdir(parents=True, exist_ok=True)
    table = read_table(scp)
    if segments:
        utterances = cut_segments(table, read_table(segments))
    else:
        utterances = read_recordings(table)
    ark = (out / "data_wav.ark").open("wb") if kind.endswith("ark") else None
    # Written line by line for the progress bar; stage 2 reads them when all is done.
    with (
        (out / "wav.scp").open("w", encoding="utf-8") as paths,
        (out / "utt2num_samples").open("w", encoding="utf-8", buffering=1) as lengths,
    ):
        for utterance, source, (wave, rate, subtype) in utterances:
            is_formatted = (
                Path(source).suffix == f".{kind}"
                and rate == fs
                and subtype == soundfile.default_subtype(kind)
            )
            if rate != fs:
                import resampy  # slow to import, and not always needed

                wave = resampy.resample(wave, rate, fs)
            if is_formatted:
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
                write_audio(out / f"{utterance}.{kind}", wave, fs, kind.upper())
                paths.write(f"{utterance} {out / f'{utterance}.{kind}'}\n")
            lengths.write(f"{utterance} {len(wave)}\n")
    if ark:
        ark.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one job."""
    scp, segments, out, kind, fs, pipes = sys.argv[1:] if argv is None else argv
    allow_pipes(pipes == "true")
    segments_file = None if segments == "none" else Path(segments)
    try:
        format_wav(Path(scp), segments_file, Path(out), kind, int(fs))
    except UserError as e:
        print(f"error: {e}", flush=True)
        return 1
    except OSError as e:
        if e.errno not in NO_SPACE:
            raise
        print(f"error: {e}: make space on the disk of {out}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
