"""What a voice is asked for and what it does, of ``prosody.py``."""

from speed.report import markdown as lines

from .figures import load

UNITS = {"pitch": "semitones", "energy": "dB", "speed": "times as fast"}


def prosody() -> str:
    """A row for each change, a column for each voice, with standard errors."""
    voices = load("prosody")["results"]
    rows = []
    for option, unit in UNITS.items():
        for asked in next(iter(voices.values()))[option]:
            sign = "+" if option != "speed" and not asked.startswith("-") else ""
            found = [voice[option][asked] for voice in voices.values()]
            cells = [f"{f['mean']:.2f} ± {f['standard_error']:.2f}" for f in found]
            rows.append([f"{option} {sign}{asked} {unit}", *cells])
    return lines(["asked for", *voices], rows)


TABLES = {"prosody": prosody}
