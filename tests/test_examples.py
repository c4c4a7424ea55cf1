"""The examples run, and their results are as described."""

import re
import runpy
from pathlib import Path

import matplotlib
import pytest


def test_toy_distillation(tmp_path):
    matplotlib.rcParams["backend"] = "agg"
    main = runpy.run_path("examples/toy_distillation.py")["main"]
    samples = main(str(tmp_path / "toy.png"), updates=400)
    assert (tmp_path / "toy.png").stat().st_size > 10_000
    teacher = samples["teacher, 16 steps"]
    # From the same noise, 16 steps of the teacher end on the ring, 1 in its middle.
    assert 0.9 < teacher.norm(dim=1).mean() < 1.1
    undistilled = (samples["teacher, 1 step"] - teacher).norm(dim=1).mean()
    distilled = (samples["student, 1 step"] - teacher).norm(dim=1).mean()
    assert undistilled > 0.8 and distilled < 0.2 * undistilled


def test_notebook(tmp_path):
    """Every cell runs, on 20 sentences and with networks that learn nothing."""
    pytest.importorskip("espeakng_loader")
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.read("examples/train_distil_listen.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # committed bare
    small = {
        "%env UTTS=240": "%env UTTS=20",
        "%env TEACHER_UPDATES=480": "%env TEACHER_UPDATES=4",
        "%env STUDENT_UPDATES=240": "%env STUDENT_UPDATES=2",
        "%env CONFIGS=conf/mini": "%env CONFIGS=conf/debug",
        "STEPS = 8": "STEPS = 4",
    }
    for cell in notebook.cells:
        for line in [line for line in small if line in cell.source]:
            cell.source = cell.source.replace(line, small.pop(line))
    assert not small
    (tmp_path / "examples").mkdir()
    (tmp_path / "egs2_recipe").symlink_to(Path("egs2_recipe").resolve())
    (tmp_path / "conf").symlink_to(Path("conf").resolve())
    where = {"metadata": {"path": str(tmp_path / "examples")}}
    client = nbclient.NotebookClient(notebook, timeout=300, resources=where)
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    printed = "".join(output.get("text", "") for output in outputs)
    spreads = re.findall(r"(\w+, \d steps?): spread (\d\.\d+)", printed)
    names = [name for name, _ in spreads]
    assert names == ["teacher, 4 steps", "teacher, 1 step", "student, 1 step"]
    assert all(float(spread) > 0 for _, spread in spreads)
    shown = [key for output in outputs for key in output.get("data", ())]
    assert shown.count("image/png") == 3  # losses, a film, and what was drawn
    assert shown.count("text/html") == 6  # three recordings, three systems
