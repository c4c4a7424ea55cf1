"""Tables of distillation: what students cost and keep."""

import re

from speed.report import markdown as lines

from .figures import bold_student, figure, load, number


def hidden() -> str:
    """ProDiff with hidden variation, shares of the first system beside the figures."""
    found = {system["name"]: system for system in load("hidden")["systems"]}
    models = {name: s for name, s in found.items() if "spread" in s}
    first = next(iter(models.values()))
    rows = []
    for name in sorted(models, key=_place):
        system = models[name]
        steps = re.search(r"(\d+) steps?$", name)[1]
        plain = next(
            (
                s
                for n, s in models.items()
                if re.fullmatch(rf"teacher, {steps} steps?", n)
            ),
            None,
        )
        share = system["spread"]["mean"] / first["spread"]["mean"]
        spread = f"{figure(system['spread'], '.3f')} ({share:.0%})"
        distance = figure(system["distance"], ".3f")
        if not name.startswith("teacher") and plain is not None:
            left = system["distance"]["mean"] / plain["distance"]["mean"]
            distance += f" ({number(left, '.2f')})"
        rows.append(
            [
                bold_student(name),
                figure(system["mel_l1"], ".3f", False),
                figure(system["variance_ratio"], ".2f", False),
                spread,
                distance,
                figure(system["ndb"], ".3f"),
                figure(system["jsd"], ".4f", False),
                figure(system.get("mcd"), ".2f"),
            ]
        )
    header = ["", "L1", "variance ratio", "spread", "distance", "NDB", "JSD", "MCD, dB"]
    return lines(header, rows)


def _place(name: str) -> tuple[int, int]:
    """Teachers, students, others; in each the more steps the earlier."""
    kinds = ("teacher,", "student,")
    kind = next((i for i, k in enumerate(kinds) if name.startswith(k)), len(kinds))
    return kind, -int(re.search(r"(\d+) steps?$", name)[1])


def students() -> str:
    """What students of other sizes cost and keep."""
    rows = [
        [
            bold_student(system["name"].removesuffix(", 1 step")),
            number(system["multiplications"] / 1e6, ".2f"),
            number(system["text_to_mel_ms"], ".0f"),
            number(system["denoiser_ms"], ".1f"),
            figure(system["spread"], ".3f", False),
            *(_share(system[f"spread_of_{steps}"]) for steps in (16, 4)),
            figure(system["distance"], ".3f"),
            figure(system["ndb"], ".3f"),
            figure(system.get("mcd"), ".2f"),
            _difference(system["mcd_beyond_4"]),
        ]
        for system in load("students")["systems"]
        if "multiplications" in system
    ]
    header = ["", "10^6 products a frame", "text to mel, ms", "denoiser, ms", "spread"]
    header += ["of 16 steps'", "of 4 steps'", "distance", "NDB", "MCD, dB"]
    return lines([*header, "beyond 4 steps'"], rows)


def _difference(entry: dict[str, float]) -> str:
    return f"{entry['mean']:+.2f} ± {number(entry['ci95'], '.2f')}".replace("0.", ".")


def _share(entry: dict[str, float]) -> str:
    return f"{entry['mean']:.0%} ± {100 * entry['ci95']:.0f}"


def short_distillation() -> str:
    """What a student of one step keeps, in three rows."""
    found = {system["name"]: system for system in load("hidden")["systems"]}
    first = found["teacher, 16 steps"]["spread"]["mean"]
    rows = [
        [
            bold_student(name),
            f"{found[name]['spread']['mean'] / first:.0%}",
            figure(found[name]["distance"], ".3f"),
            figure(found[name]["mcd"], ".2f"),
        ]
        for name in ("teacher, 16 steps", "teacher, 1 step", "student, 1 step")
    ]
    header = ["", "variety kept", "distance to the 16 steps", "MCD, dB"]
    return lines(header, rows)


TABLES = {
    "hidden": hidden,
    "students": students,
    "short_distillation": short_distillation,
}
