"""Tables of teachers: schedules, placed steps, first weights, ESPnet's built-in."""

from speed.report import markdown as lines

from .figures import load, number


def schedules() -> str:
    """Spread of teachers by their noise schedule, a column for each seed's mean."""
    rows: dict[tuple[str, int], dict[int, dict[str, float]]] = {}
    for row in load("teacher_schedules")["rows"]:
        trained = row["trained_steps"]
        if trained not in (None, row["steps"]) or row["steps"] in (1, 2):
            continue
        rows.setdefault((row["schedule"], row["steps"]), {})[row["seed"]] = row
    table = []
    for (name, steps), seeds in sorted(rows.items(), key=lambda item: item[0][1]):
        ordered = [seeds[seed] for seed in sorted(seeds)]
        table.append(
            [
                f"{name}, {steps} steps",
                *(
                    ", ".join(number(row[key], spec) for row in ordered)
                    for key, spec in (
                        ("spread", ".3f"),
                        ("variance_ratio", ".2f"),
                        ("l1", ".3f"),
                    )
                ),
            ]
        )
    return lines(["teacher", "spread", "variance ratio", "L1"], table)


def placement() -> str:
    """What exact denoisers keep, by placement and number of steps."""
    found = load("step_placement")["open_mels"]
    sds = found["sds"]
    rows = []
    for name, steps in found["share_kept"].items():
        for n in ("4", "8", "16"):
            kept = dict(zip(sds, steps[n], strict=True))
            rows.append(
                [f"{name}, {n} steps", *(number(kept[sd], ".2f") for sd in sds)]
            )
    return lines(["exact denoisers", *(f"sd {sd:g}" for sd in sds)], rows)


def last_steps() -> str:
    """Where the full-size configs' sampling ends."""
    rows = [
        [
            name,
            str(row["steps"]),
            f"{row['snr_db']:.0f}",
            number(row["log_mel_l1"], ".2f"),
        ]
        for name, row in load("step_placement")["full_size"].items()
    ]
    return lines(["", "steps", "SNR of the last, dB", "log-mel L1 of the oracle"], rows)


def builtin() -> str:
    """Ours against ESPnet's built-in, by learning rate."""
    table = load("compare_builtin")["table"]
    rows = []
    for rate in table["ours"]:
        cells = [
            number(table[name][rate][variance], ".3f")
            for variance in ("predicted", "true")
            for name in ("ours", "built-in")
        ]
        rows.append([rate, *cells])
    header = ["learning rate", "ours", "built-in", "ours, true pitch and energy"]
    return lines([*header, "built-in, the same"], rows)


def starts() -> str:
    """The first weights: L1 of held-out mels at three times, a seed after the other."""
    rows: dict[tuple[int, int, bool], list[dict[str, float]]] = {}
    for row in load("starts")["rows"]:
        key = (row["layers"], row["channels"], row["torch_start"])
        rows.setdefault(key, []).append(row)
    table = []
    for (layers, channels, torch_start), seeds in sorted(rows.items()):
        name = "torch's default" if torch_start else "Kaiming's"
        errors = [
            ", ".join(number(row[f"l1_at_{t}"], ".3f") for row in seeds)
            for t in (1, 2, 4)
        ]
        table.append([f"{layers} x {channels}, {name}", *errors])
    return lines(["first weights", "t = 1", "t = 2", "t = 4"], table)


TABLES = {
    "schedules": schedules,
    "placement": placement,
    "last_steps": last_steps,
    "builtin": builtin,
    "starts": starts,
}
