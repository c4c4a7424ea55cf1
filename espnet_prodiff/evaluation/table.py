"""The results as markdown and JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from espnet_prodiff.evaluation.measurement import Measurement
from espnet_prodiff.fileio.atomic import write_text


@dataclass(frozen=True)
class Column:
    """A figure of the table.

    Attributes:
        key: Its name in the JSON file.
        header: Its heading, with the unit.
        format: Format of its numbers.
        definition: What it is, in a line or two.
        scale: Factor from the stored unit to that of the heading.
    """

    key: str
    header: str
    format: str
    definition: str
    scale: float = 1.0


SPEECH = (
    Column(
        "mcd",
        "MCD (dB)",
        ".2f",
        "mel-cepstral distortion, c_1 to c_24 of WORLD's envelopes, mean along a "
        "dynamic time warping path, 5 ms frames, floor 60 dB below the loudest",
    ),
    Column(
        "log_f0_rmse",
        "log-F0 RMSE",
        ".3f",
        "natural log, over frames voiced in both along the same path (DIO and "
        "StoneMask); 0.058 is a semitone",
    ),
    Column(
        "duration_ms",
        "duration error (ms)",
        ".1f",
        "mean absolute error per token, eos included, to the reference durations",
    ),
    Column(
        "length_error",
        "length error (%)",
        "+.1f",
        "total duration against the reference; above 0 is slower",
        100,
    ),
    Column(
        "rtf_model",
        "RTF, text to mel",
        ".3f",
        "seconds taken per second of speech made, in total, without the first "
        "utterance of each decoding job, which warms up",
    ),
    Column("rtf", "RTF, text to wave", ".3f", "the same with the vocoder"),
)

RESYNTHESIS = (
    Column(
        "pesq",
        "PESQ",
        ".2f",
        "wideband (P.862.2), up to 4.64, at 16 kHz; the mean over parts of a recording "
        "of more than 15 s",
    ),
    Column("stoi", "STOI", ".3f", "short-time objective intelligibility, up to 1"),
    Column(
        "log_mel_l1",
        "log-mel L1",
        ".3f",
        "mean absolute difference of the log-mels, natural log, not normalised",
    ),
)

MEL = (
    Column(
        "mel_l1",
        "L1",
        ".3f",
        "mean absolute difference to the recording's normalised log-mel; rewards blur",
    ),
    Column(
        "variance_ratio",
        "variance ratio",
        ".3f",
        "variance over time, averaged over bins, divided by the recording's",
    ),
    Column(
        "spread",
        "spread over seeds",
        ".4f",
        "standard deviation over draws from different noise, averaged over bins and "
        "frames",
    ),
    Column(
        "distance",
        "distance to the first",
        ".4f",
        "L1 to the first model's draw from the same noise",
    ),
    Column(
        "ndb",
        "NDB",
        ".3f",
        "share of k-means bins whose frequency differs from the recordings' (5 %); "
        "mean over seeds",
    ),
    Column(
        "jsd",
        "JSD",
        ".4f",
        "Jensen-Shannon divergence over the same bins, nats; mean over seeds",
    ),
)


@dataclass
class Results:
    """What the table says.

    Attributes:
        about: Facts on data, machine and command, in the order to be printed.
        rows: Figures by system and column key.
        values: The single values behind them: by system, column key and utterance.
        notes: Remarks, e.g. on what could not be measured.
    """

    about: dict[str, str]
    rows: dict[str, dict[str, Measurement]]
    values: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def write_results(results: Results, output_dir: str | Path) -> tuple[Path, Path]:
    """Write ``results.md`` and ``results.json``, each atomically.

    Returns:
        The two files.
    """
    markdown = Path(output_dir) / "results.md"
    data = Path(output_dir) / "results.json"
    write_text(markdown, to_markdown(results))
    write_text(data, json.dumps(to_json(results), indent=1, allow_nan=False) + "\n")
    return markdown, data


def to_json(results: Results) -> dict:
    """Return the results as plain data, unscaled; what is not finite becomes None."""
    systems = [
        {
            "name": name,
            **{key: figure.as_dict() for key, figure in row.items()},
            "values": {
                key: {k: v if v == v else None for k, v in values.items()}
                for key, values in results.values.get(name, {}).items()
            },
        }
        for name, row in results.rows.items()
    ]
    definitions = {c.key: c.definition for c in (*SPEECH, *RESYNTHESIS, *MEL)}
    return {
        "about": results.about,
        "definitions": definitions,
        "notes": results.notes,
        "systems": systems,
    }


def to_markdown(results: Results) -> str:
    """Return the report: facts, one table per kind of measure, definitions."""
    parts = ["# Results", ""]
    parts += [f"- {name}: {fact}" for name, fact in results.about.items()]
    parts += [f"- note: {note}" for note in results.notes]
    parts += ["", "A figure is mean ± half of its 95 % confidence interval; n samples."]
    tables = (
        ("Speech, as decoded, against the recordings", SPEECH),
        ("Resynthesis of the recordings, sample by sample", RESYNTHESIS),
        ("Mels, with the reference durations", MEL),
    )
    for title, columns in tables:
        used = [
            c for c in columns if any(c.key in row for row in results.rows.values())
        ]
        rows = {
            name: row
            for name, row in results.rows.items()
            if any(c.key in row for c in used)
        }
        if rows:
            parts += ["", f"## {title}", "", *_table(used, rows), ""]
            parts += [f"- {c.header}: {c.definition}." for c in used]
    return "\n".join(parts) + "\n"


def _table(
    columns: Sequence[Column], rows: Mapping[str, Mapping[str, Measurement]]
) -> list[str]:
    lines = ["| system | " + " | ".join(c.header for c in columns) + " | n |"]
    lines.append("|---|" + "---:|" * (len(columns) + 1))
    for name, row in rows.items():
        common = max(row[c.key].n for c in columns if c.key in row)
        cells = [_cell(c, row.get(c.key), common) for c in columns]
        title = name.replace("|", "\\|")
        lines.append(f"| {title} | {' | '.join(cells)} | {common} |")
    return lines


def _cell(column: Column, figure: Measurement | None, common: int) -> str:
    if figure is None:
        return "–"
    text = format(figure.mean * column.scale, column.format)
    if figure.ci95 == figure.ci95:
        width = column.format.lstrip("+")
        text += f" ± {format(figure.ci95 * column.scale, width)}"
    return text if figure.n == common else f"{text} (n = {figure.n})"
