"""Tables of ``bin.evaluate``: a row for each system."""

from functools import partial

from speed.report import markdown as lines

from .figures import bold_student, figure, load

# By key: a header, a format, whether with its interval.
Columns = dict[str, tuple[str, str, bool]]

SPEECH: Columns = {
    "mel_l1": ("mel L1", ".3f", True),
    "variance_ratio": ("variance ratio", ".3f", False),
    "mcd": ("MCD, dB", ".2f", True),
    "log_f0_rmse": ("log-F0 RMSE", ".3f", False),
}

VARIETY: Columns = {
    "spread": ("spread", ".3f", True),
    "distance": ("distance", ".3f", True),
}
COLUMNS: dict[str, Columns] = {
    "mini": {**SPEECH, **VARIETY},
    "one_voice": SPEECH,
    "flite": SPEECH,
    "diffwave": {
        "log_mel_l1": ("log-mel L1", ".2f", True),
        "pesq": ("PESQ", ".2f", False),
        "stoi": ("STOI", ".3f", True),
        "mcd": ("MCD, dB", ".2f", True),
    },
    "wavegrad2": {
        "mcd": ("MCD, dB", ".2f", True),
        "log_f0_rmse": ("log-F0 RMSE", ".3f", False),
        "duration_ms": ("duration error, ms", ".1f", False),
        "spread": ("spread", ".3f", True),
    },
    "vocoder": {
        "pesq": ("PESQ", ".2f", True),
        "stoi": ("STOI", ".3f", True),
        "log_mel_l1": ("log-mel L1", ".3f", True),
        "times_real_time": ("x real time", ".0f", False),
    },
}


def systems(name: str) -> str:
    """The table of a measurement."""
    columns = COLUMNS[name]
    rows = [
        [
            bold_student(system["name"]),
            *(
                figure(system.get(key), spec, interval)
                for key, (_, spec, interval) in columns.items()
            ),
        ]
        for system in load(name)["systems"]
    ]
    return lines(["", *(header for header, _, _ in columns.values())], rows)


TABLES = {name: partial(systems, name) for name in COLUMNS}
