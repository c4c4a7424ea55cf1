"""What a teacher has learnt since is added to its student."""

import subprocess
import sys
from pathlib import Path

import torch

RECIPE = Path(__file__).parents[2] / "egs2_recipe" / "flite" / "tts1"


def run(
    folder: Path, **weights: dict[str, torch.Tensor]
) -> subprocess.CompletedProcess:
    words = []
    for name, states in weights.items():
        (folder / name).mkdir()
        torch.save(states, folder / name / "1epoch.pth")
        words += [f"--{name}", str(folder / name / "1epoch.pth")]
    (folder / "student" / "config.yaml").write_text("tts: prodiff\n", encoding="utf-8")
    script = RECIPE / "local" / "carry_over.py"
    return subprocess.run(
        [sys.executable, script, *words, "--output_dir", folder / "out"],
        capture_output=True,
        text=True,
    )


def test_the_difference_of_the_teachers_is_added(tmp_path):
    count = torch.tensor(3)
    result = run(
        tmp_path,
        student={"w": torch.tensor([1.5, -2.0]), "count": count},
        before={"w": torch.tensor([1.0, -1.0]), "count": count},
        after={"w": torch.tensor([1.25, -1.0]), "count": count + 4},
    )
    assert result.returncode == 0, result.stderr
    found = torch.load(tmp_path / "out" / "valid.loss.best.pth", weights_only=True)
    assert found["w"].tolist() == [1.75, -2.0] and found["count"] == 3
    assert (tmp_path / "out" / "config.yaml").read_text() == "tts: prodiff\n"


def test_another_network_is_refused(tmp_path):
    one = {"w": torch.zeros(1)}
    result = run(tmp_path, student=one, before=one, after={"v": torch.zeros(1)})
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].endswith("are not of the same network")
    assert not (tmp_path / "out").exists()
