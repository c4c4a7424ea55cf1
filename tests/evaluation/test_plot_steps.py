"""The plot of figures over the number of steps."""

import pytest

from espnet_prodiff.evaluation.measurement import measure
from espnet_prodiff.evaluation.plots import steps as plot_steps


def test_series_are_named_without_their_steps():
    assert plot_steps.series_of("teacher, 4 steps") == "teacher"
    assert plot_steps.series_of("student half, 1 step") == "student half"
    assert plot_steps.series_of("8 steps") == "8 steps"


def test_a_line_for_each_series_over_its_steps(tmp_path, monkeypatch):
    figures = []
    real = plot_steps.save_figure
    monkeypatch.setattr(
        plot_steps, "save_figure", lambda f, path: figures.append(f) or real(f, path)
    )
    rows = {
        "teacher, 4 steps": {"distance": measure([0.0]), "mcd": measure([6.0])},
        "teacher, 1 step": {"distance": measure([0.08]), "mcd": measure([5.5])},
        "student, 1 step": {"distance": measure([0.03])},
    }
    steps = {"teacher, 4 steps": 4, "teacher, 1 step": 1, "student, 1 step": 1}
    path = plot_steps.plot_steps(rows, steps, tmp_path / "steps.png")
    assert path.stat().st_size > 5000
    distance, mcd = figures[0].axes
    teacher, student, level = distance.get_lines()
    assert teacher.get_xdata().tolist() == [1, 4]
    assert teacher.get_ydata().tolist() == pytest.approx([0.08, 0.0])
    assert student.get_ydata().tolist() == pytest.approx([0.03])
    assert level.get_ydata()[0] == 0
    assert mcd.get_lines()[0].get_ydata().tolist() == pytest.approx([5.5, 6.0])
