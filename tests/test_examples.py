"""The examples run, and their results are as described."""

import runpy

import matplotlib


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
