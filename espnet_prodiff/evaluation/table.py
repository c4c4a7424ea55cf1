"""The results as markdown and JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from espnet_prodiff.evaluation.measurement import Measurement
from espnet_prodiff.evaluation.metrics import MEL, RESYNTHESIS, SPEECH
from espnet_prodiff.evaluation.metrics.metric import Metric, Value
from espnet_prodiff.fileio.atomic import write_text

TABLES: tuple[tuple[str, Sequence[Metric]], ...] = (
    ("Speech, as decoded, against the recordings", SPEECH),
    ("Resynthesis of the recordings, sample by sample", RESYNTHESIS),
    ("Mels, with the reference durations", MEL),
)
METRICS = tuple(metric for _, metrics in TABLES for metric in metrics)


@dataclass
class Results:
    """The contents of the table.

    Attributes:
        about: Facts on data, machine and command, in the order to be printed.
        rows: Figures by system and key of the metric.
        values: The single values behind them: by system, key of the metric and
            utterance.
        notes: Remarks, e.g. on what could not be measured.
    """

    about: dict[str, str]
    rows: dict[str, dict[str, Measurement]] = field(default_factory=dict)
    values: dict[str, dict[str, dict[str, Value]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, scores: Mapping[str, Mapping[str, Value]]) -> None:
        """Add a system's values, by key of the metric and utterance, to its row."""
        row = self.rows.setdefault(name, {})
        values = self.values.setdefault(name, {})
        # Ratios are the last of a row.
        for metric in sorted(METRICS, key=lambda metric: metric.is_ratio):
            by_utterance = scores.get(metric.key, {})
            figure = metric.summarise(by_utterance.values())
            if figure is not None:
                row[metric.key] = figure
                if not metric.is_ratio:
                    values[metric.key] = dict(by_utterance)
            elif by_utterance and not metric.is_missing:
                remark = f"{metric.key} is not defined for any utterance"
                self.notes.append(f"{name}: {remark}")


def write_results(results: Results, output_dir: str | Path) -> tuple[Path, Path]:
    """Write ``results.md`` and ``results.json``, each atomically; return the two."""
    markdown, data = (Path(output_dir) / f"results.{kind}" for kind in ("md", "json"))
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
    return {
        "about": results.about,
        "definitions": {metric.key: metric.definition for metric in METRICS},
        "notes": results.notes,
        "systems": systems,
    }


def to_markdown(results: Results) -> str:
    """Return the report: facts, one table per kind of measure, definitions."""
    parts = ["# Results", ""]
    parts += [f"- {name}: {fact}" for name, fact in results.about.items()]
    parts += [f"- note: {note}" for note in results.notes]
    parts += ["", "A figure is mean ± half of its 95 % confidence interval; n samples."]
    for title, metrics in TABLES:
        keys = set().union(*results.rows.values())
        used = [m for m in metrics if m.key in keys]
        if used:
            parts += ["", f"## {title}", "", *_table(used, results.rows), ""]
            parts += [f"- {m.header}: {m.definition}." for m in used]
    return "\n".join(parts) + "\n"


def _table(
    metrics: Sequence[Metric], rows: Mapping[str, Mapping[str, Measurement]]
) -> list[str]:
    lines = ["| system | " + " | ".join(m.header for m in metrics) + " | n |"]
    lines.append("|---|" + "---:|" * (len(metrics) + 1))
    for name, row in rows.items():
        common = max((row[m.key].n for m in metrics if m.key in row), default=0)
        if not common:
            continue
        cells = [_cell(m, row.get(m.key), common) for m in metrics]
        title = name.replace("|", "\\|")
        lines.append(f"| {title} | {' | '.join(cells)} | {common} |")
    return lines


def _cell(metric: Metric, figure: Measurement | None, common: int) -> str:
    if figure is None:
        return "–"
    text = format(figure.mean * metric.scale, metric.format)
    if figure.ci95 == figure.ci95:
        width = metric.format.lstrip("+")
        text += f" ± {format(figure.ci95 * metric.scale, width)}"
    return text if figure.n == common else f"{text} (n = {figure.n})"
