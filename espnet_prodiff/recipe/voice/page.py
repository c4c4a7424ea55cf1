"""One page of results: players beside pictures, a table, nothing outside its folder."""

from __future__ import annotations

import html
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import soundfile

from espnet_prodiff import __version__
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.recipe import plugin_steps
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.prepare.names import safe_name
from espnet_prodiff.recipe.prepare.recipe_files import Corpus

SHOWN = 3  # sentences with all their players and pictures
STYLE = """
body { font-family: sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; }
td, th { padding: .2em .6em; border-bottom: 1px solid #ccc; text-align: left; }
img { max-width: 100%; }
audio { height: 2em; vertical-align: middle; }
"""


def write_page(
    folder: Path, corpus: Corpus, options: Options
) -> tuple[list[Path], Path]:
    """Write ``index.html`` with what it shows: audio, pictures and tables.

    Args:
        folder: Where to; what is there is replaced.
        corpus: Of the recipe.
        options: Of the recipe, whose directory is the current one.

    Returns:
        The student's waves of some test sentences, and the table.
    """
    shutil.rmtree(folder, ignore_errors=True)
    systems = plugin_steps.systems(options)
    measured = Path(plugin_steps.last_student(options).tts_exp) / "results"
    shutil.copytree(measured / "images", folder / "images")
    shutil.copyfile("report.png", folder / "images" / "corpus.png")
    for name in ("results.md", "results.json"):
        shutil.copyfile(measured / name, folder / name)
    test_set = options.test_sets.split()[0]
    recordings = read_table(options.data_feats / test_set / "wav.scp")
    sentences = read_table(Path("data") / test_set / "sentences")
    waves: dict[str, Mapping[str, str]] = {"recording": recordings}
    waves["recording through the vocoder"] = {
        u: str(measured / "copy_synthesis" / "wav" / f"{u}.wav") for u in recordings
    }
    for label, system in systems.items():
        table = Path(system.tts_exp) / system.inference_tag / test_set / "wav/wav.scp"
        waves[label] = read_table(table)
    parts = [_head(corpus, options)]
    samples = []
    for utt in list(recordings)[:SHOWN]:
        rows = []
        for label, files in waves.items():
            target = folder / "audio" / f"{utt}_{safe_name(label)}.wav"
            target.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(target, *soundfile.read(files[utt]), subtype="PCM_16")
            rows.append((label, f"audio/{target.name}"))
        samples.append(target)  # the last system is the student
        parts.append(_sentence(folder, utt, sentences[utt], rows))
    parts += [_tables(folder / "results.md"), _pictures(folder, list(recordings))]
    body = "\n".join(parts)
    name = html.escape(Path.cwd().name)
    page = '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
    page += f"<title>{name}</title><style>{STYLE}</style></head>\n<body>\n"
    write_text(folder / "index.html", f"{page}{body}\n</body></html>\n")
    return samples, folder / "results.md"


def _head(corpus: Corpus, options: Options) -> str:
    name = Path.cwd().name
    speakers = ", ".join(corpus.speakers[:SHOWN])
    if len(corpus.speakers) > SHOWN:
        speakers = f"{len(corpus.speakers)} speakers"
    facts = (
        f"{corpus.minutes:.1f} minutes of {speakers}, "
        f"{corpus.language}, {corpus.fs} Hz; {options.train_config}, "
        f"espnet_prodiff {__version__}"
    )
    return f"<h1>{html.escape(name)}</h1>\n<p>{html.escape(facts)}</p>"


def _sentence(
    folder: Path, utt: str, text: str, rows: Sequence[tuple[str, str]]
) -> str:
    lines = [f"<h2>{html.escape(text)}</h2>", "<table>"]
    for label, file in rows:
        player = f'<audio controls preload="none" src="{file}"></audio>'
        lines.append(f"<tr><td>{html.escape(label)}</td><td>{player}</td></tr>")
    lines.append("</table>")
    for kind in ("decoded", "mel", "alignment"):
        if (folder / "images" / f"{kind}_{utt}.png").exists():
            lines.append(_image(f"{kind}_{utt}.png", f"{kind}, {text}"))
    return "\n".join(lines)


def _pictures(folder: Path, utterances: Sequence[str]) -> str:
    """Show the pictures that belong to no sentence, or to its sampling."""
    shown = {
        f"{k}_{u}.png" for k in ("decoded", "mel", "alignment") for u in utterances
    }
    names = sorted(path.name for path in (folder / "images").glob("*.png"))
    rest = [name for name in names if name not in shown]
    return "\n".join(["<h2>Pictures</h2>", *(_image(name, name) for name in rest)])


def _image(name: str, title: str) -> str:
    return f'<p><img src="images/{name}" alt="{html.escape(title)}"></p>'


def _tables(file: Path) -> str:
    """Return the headings, tables and lists of a report in markdown as HTML."""
    lines, out, is_table = file.read_text(encoding="utf-8").splitlines(), [], False
    for line in lines:
        cells = [html.escape(c.strip()) for c in line.strip("|").split(" | ")]
        if line.startswith("|---"):
            continue
        if line.startswith("|"):
            tag = "td" if is_table else "th"
            row = "".join(f"<{tag}>{cell}</{tag}>" for cell in cells)
            out += ([] if is_table else ["<table>"]) + [f"<tr>{row}</tr>"]
            is_table = True
            continue
        out += ["</table>"] if is_table else []
        is_table = False
        if line.startswith("#"):
            out.append(f"<h2>{html.escape(line.lstrip('# '))}</h2>")
        elif line:
            out.append(f"<p>{html.escape(line.removeprefix('- '))}</p>")
    return "\n".join([*out, *(["</table>"] if is_table else [])])
