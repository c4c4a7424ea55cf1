"""How many steps a teacher needs: by exact denoisers and by a trained one, a picture.

python3 benchmarks/plot_teacher_steps.py     # docs/images/teacher_steps.png
"""

import json
import re
from pathlib import Path

from espnet_prodiff.fileio.figures import new_figure, save_figure

STEPS = (1, 2, 4, 8, 16, 32, 64)
ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def main() -> None:
    """Draw what ``benchmarks/results`` says."""
    figure = new_figure(9.0, 3.6)
    exact, trained = figure.subplots(1, 2)
    found = json.loads((RESULTS / "step_placement.json").read_text())["open_mels"]
    index = found["sds"].index(0.35)
    for name, steps in found["share_kept"].items():
        shares = [kept[index] for kept in steps.values()]
        exact.plot([int(n) for n in steps], shares, "o-", label=name)
    exact.set_title("exact denoisers: share kept of a deviation of .35")
    systems = json.loads((RESULTS / "hidden.json").read_text())["systems"]
    for series in ("teacher", "student"):
        points = sorted(
            (int(match[1]), system["spread"])
            for system in systems
            if (match := re.fullmatch(rf"{series}, (\d+) steps?", system["name"]))
        )
        x, y = [n for n, _ in points], [spread["mean"] for _, spread in points]
        error = [spread["ci95"] for _, spread in points]
        trained.errorbar(x, y, error, fmt="o-", capsize=3, label=series)
    trained.set_title("trained, hidden variation: spread over seeds")
    for axes in (exact, trained):
        axes.set_xscale("log", base=2)
        axes.set_xticks(
            [1, 2, 4, 8, 16, 32, 64], ["1", "2", "4", "8", "16", "32", "64"]
        )
        axes.set_xlabel("steps")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    print(save_figure(figure, ROOT / "docs" / "images" / "teacher_steps.png"))


if __name__ == "__main__":
    main()
