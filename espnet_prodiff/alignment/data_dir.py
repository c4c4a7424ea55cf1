"""Read Kaldi-style data directories, and take utterances out of them."""

from pathlib import Path

from espnet_prodiff.errors import DataError
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.tables import read_table, write_table


def read_data_dir(path: Path) -> dict[str, tuple[str, str]]:
    """Return (audio file, text) by utterance.

    Raises:
        DataError: wav.scp or text is missing or empty, or they do not name the
            same utterances.
    """
    audio, text = read_table(path / "wav.scp"), read_table(path / "text")
    if not audio:
        raise DataError(f"{path}/wav.scp is empty: run stages 1 to 4 again")
    named = (text, "text"), (audio, "wav.scp")
    for (table, file), (other, source) in (named, named[::-1]):
        missing = [utt for utt in other if utt not in table]
        if missing:
            raise DataError(
                f"{path}/{file} lacks {len(missing)} utterances, first {missing[0]}: "
                f"expected one line for each of the {len(other)} in {path}/{source}"
            )
    return {utt: (audio[utt], text[utt]) for utt in audio}


def remove_utterances(path: Path, utts: set[str]) -> None:
    """Take utterances out of every file of a data directory.

    The old files stay in `<path>/.backup`. A kill in between leaves every file
    complete; the next call finishes the work.
    """
    for file in sorted(path.iterdir()):
        if file.name.startswith(".") or not file.is_file() or file.name == "spk2utt":
            continue
        try:
            old = file.read_text(encoding="utf-8").splitlines(keepends=True)
        except UnicodeDecodeError:  # audio that lies there
            continue
        new = [line for line in old if line.partition(" ")[0].strip() not in utts]
        if len(new) < len(old):
            _back_up(file)
            write_text(file, "".join(new))
    if (path / "spk2utt").is_file():
        speakers = read_table(path / "spk2utt")
        left = {
            speaker: " ".join(utt for utt in line.split() if utt not in utts)
            for speaker, line in speakers.items()
        }
        if left != speakers:
            _back_up(path / "spk2utt")
            write_table(path / "spk2utt", {s: line for s, line in left.items() if line})


def _back_up(file: Path) -> None:
    backup = file.parent / ".backup" / file.name
    backup.parent.mkdir(exist_ok=True)
    number = 0
    while backup.exists():  # another tool's, or that of an earlier removal
        number += 1
        backup = backup.with_name(f"{file.name}.{number}")
    write_text(backup, file.read_text(encoding="utf-8"))
