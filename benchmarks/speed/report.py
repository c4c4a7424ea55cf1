"""Tables and the figure of what `bench.py` has measured."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
CLOCKS = ("wall", "cpu")
ALPHA = {"fp32": 1.0, "bf16": 0.5}
GROUPS = ("text to mel", "mel to wave", "text to wave")


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text."""
    out = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    out += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(out) + "\n"


def with_range(value: Mapping[str, float] | None, spec: str) -> str:
    """A median with its 10 % and 90 % points, or nothing."""
    if value is None:
        return ""
    low, high = (format(value[end], spec) for end in ("low", "high"))
    return f"{value['median']:{spec}} ({low} - {high})"


def label(row: Row) -> str:
    """Name and precision; ours in bold."""
    name = row["name"] + ("" if row["precision"] == "fp32" else f", {row['precision']}")
    return f"**{name}**" if row["ours"] else name


def by_system(rows: Sequence[Row]) -> dict[str, dict[int, Row]]:
    """Rows by label and number of threads."""
    found: dict[str, dict[int, Row]] = {}
    for row in rows:
        found.setdefault(label(row), {})[row["threads"]] = row
    return found


def group_table(part: Mapping[str, Any]) -> str:
    """A group of systems: one thread by CPU time, more threads by the wall."""
    rows = part["rows"]
    threads = sorted({row["threads"] for row in rows})
    speech = any(row["audio"] for row in rows)
    header = ["", "GFLOP", f"CPU ms, {threads[0]} thread"]
    header += ["x real time"] * speech + ["x floor"]
    for number in threads[1:]:
        header += [f"wall ms, {number} threads"] + ["x real time"] * speech
    references = list(dict.fromkeys(name for row in rows for name in row["faster"]))
    header += [f"{name} takes" for name in references]
    table = []
    for name, found in by_system(rows).items():
        first = found[threads[0]]
        cells = [name, f"{first['gflop']:.1f}" if first["gflop"] else ""]
        cells += _time(first, "cpu", speech)
        cells.append(with_range(first.get("above_floor", {}).get("cpu"), ".2f"))
        for number in threads[1:]:
            cells += _time(found[number], "wall", speech)
        for reference in references:
            cpu = first["faster"].get(reference, {}).get("cpu")
            cells.append(with_range(cpu, ".2f"))
        table.append(cells)
    return markdown(header, table)


def _time(row: Row, clock: str, speech: bool) -> list[str]:
    seconds = row[clock]["median"]
    cells = [f"{1000 * seconds:.0f}"]
    return cells + ([f"{row['audio'] / seconds:.0f}"] if speech else [])


def sweep_table(part: Mapping[str, Any], varied: str, unit: str) -> str:
    """Time of a second of speech over lengths or batches, the wall's and the CPU's."""
    values = sorted({row[varied] for row in part["rows"]})
    rows: dict[tuple[str, str], dict[float, Row]] = {}
    for row in part["rows"]:
        rows.setdefault((row["group"], label(row)), {})[row[varied]] = row
    table = []
    for (group, name), found in rows.items():
        cells = [f"{group}: {name}"]
        for value in values:
            row = found.get(value)
            ms = [1000 * row[c]["median"] / row["audio"] for c in CLOCKS if row]
            cells.append(", ".join(f"{x:.1f}" for x in ms))
        table.append(cells)
    return markdown(["", *(f"{value:g} {unit}" for value in values)], table)


def memory_table(part: Mapping[str, Any]) -> str:
    """Peak memory of the process, and what the call added to it."""
    lengths = sorted({row["seconds"] for row in part["rows"]})
    rows: dict[str, dict[float, Row]] = {}
    for row in part["rows"]:
        rows.setdefault(f"{row['group']}: {label(row)}", {})[row["seconds"]] = row
    table = []
    for name, found in rows.items():
        cells = [name]
        for length in lengths:
            row = found.get(length)
            cells.append(
                f"{row['process_mib']:.0f} ({row['call_mib']:.0f})" if row else ""
            )
        table.append(cells)
    return markdown(["MiB", *(f"{length:g} s" for length in lengths)], table)


def cold_start_table(part: Mapping[str, Any]) -> str:
    """From the start of a process to the first sound."""
    rows = [
        [label(row), *(with_range(row[clock], ".1f") for clock in CLOCKS)]
        for row in part["rows"]
    ]
    return markdown(["", "wall, s", "CPU, s"], rows)


TABLES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    **dict.fromkeys(GROUPS, group_table),
    "update, paper size": group_table,
    "update, mini size": group_table,
    "lengths": lambda part: sweep_table(part, "seconds", "s"),
    "batches": lambda part: sweep_table(part, "batch", "sentences"),
    "memory": memory_table,
    "cold start": cold_start_table,
}


def plot(results: Mapping[str, Any], path: Path) -> Path:
    """Real-time factors of all systems, and the time of a second over the length."""
    from espnet_prodiff.fileio.figures import new_figure, save_figure

    groups = [group for group in GROUPS if group in results]
    most = max(len(by_system(results[group]["rows"])) for group in groups)
    panels = len(groups) + ("lengths" in results)
    figure = new_figure(5.2 * panels, 1.2 + 0.22 * most)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    for axis, group in zip(axes, groups, strict=False):
        _plot_group(axis, results[group]["rows"], group)
    if "lengths" in results:
        _plot_lengths(axes[-1], results["lengths"]["rows"])
    return save_figure(figure, path)


def _plot_group(axis: Any, rows: Sequence[Row], title: str) -> None:
    one = min(row["threads"] for row in rows)
    rows = [row for row in rows if row["threads"] == one]
    rows.sort(key=lambda row: row["audio"] / row["cpu"]["median"])
    for place, row in enumerate(rows):
        times = row["audio"] / row["cpu"]["median"]
        color = "tab:blue" if row["ours"] else "0.6"
        axis.barh(place, times, color=color, alpha=ALPHA[row["precision"]])
        axis.text(times, place, f" {times:.3g}", va="center", fontsize="x-small")
    names = [label(row).strip("*") for row in rows]
    axis.set_yticks(range(len(rows)), names, fontsize="x-small")
    axis.set_xscale("log")
    axis.set_xlim(right=axis.get_xlim()[1] * 2)
    axis.set_xlabel(f"x real time, CPU time of {one} thread")
    axis.set_title(title, fontsize="medium")


def _plot_lengths(axis: Any, rows: Sequence[Row]) -> None:
    lines: dict[str, list[Row]] = {}
    for row in rows:
        name = f"{row['group']}: {label(row).strip('*')}"
        lines.setdefault(name, []).append(row)
    for name, found in lines.items():
        found.sort(key=lambda row: row["seconds"])
        y = [1000 * row["cpu"]["median"] / row["audio"] for row in found]
        axis.plot([row["seconds"] for row in found], y, "o-", label=name)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("seconds of speech")
    axis.set_title("CPU ms for a second of speech", fontsize="medium")
    axis.legend(fontsize="x-small")
    axis.grid(alpha=0.3)
