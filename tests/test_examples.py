"""The examples run, and show what they say."""

import runpy

import matplotlib


def test_toy_distillation(tmp_path):
    matplotlib.rcParams["backend"] = "agg"
    main = runpy.run_path("examples/toy_distillation.py")["main"]
    drawn = main(str(tmp_path / "toy.png"), updates=400)
    assert (tmp_path / "toy.png").stat().st_size > 10_000
    teacher = drawn["teacher, 16 steps"]
    # The teacher draws the ring, its one step the middle of it; the same noise.
    assert 0.9 < teacher.norm(dim=1).mean() < 1.1
    undistilled = (drawn["teacher, 1 step"] - teacher).norm(dim=1).mean()
    distilled = (drawn["student, 1 step"] - teacher).norm(dim=1).mean()
    assert undistilled > 0.8 and distilled < 0.2 * undistilled
