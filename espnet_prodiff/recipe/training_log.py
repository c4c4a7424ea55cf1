"""Follow a training by the log that ESPnet writes."""

import re
from pathlib import Path

import yaml

from espnet_prodiff.recipe.jobs import Progress

EPOCH = re.compile(r"(\d+)epoch results: (.*)")
LOSS = re.compile(r"\[(train|valid)\][^\[]*?\bloss=([^,\s]+)")


def read_epochs(log: str) -> tuple[int, dict[str, str]]:
    """Number of the last finished epoch in a log, and its losses by set."""
    found = EPOCH.findall(log)
    if not found:
        return 0, {}
    number, results = found[-1]
    return int(number), dict(LOSS.findall(results))


class TrainingProgress(Progress):
    """A bar over the epochs of the training in ``exp``, with its losses."""

    def __init__(self, title: str, exp: Path):
        self.exp = exp
        self.offset, self.text, self.started = 0, "", False
        # An earlier run's files tell nothing of this one.
        self.old = self._stamp("train.log"), self._stamp("config.yaml")
        super().__init__(title, 0, lambda: 0, "epoch")

    def update(self) -> None:
        """Read what the log has gained."""
        fresh = self._stamp("train.log"), self._stamp("config.yaml")
        if not self.started:
            if fresh[0] == self.old[0] or fresh[1] == self.old[1]:
                return
            config = yaml.safe_load((self.exp / "config.yaml").read_text()) or {}
            self.bar.reset(total=config.get("max_epoch"))
            self.started = True
        with (self.exp / "train.log").open(encoding="utf-8", errors="replace") as f:
            f.seek(self.offset)
            self.text += f.read()
            self.offset = f.tell()
        self.text = self.text[-20000:]
        epoch, losses = read_epochs(self.text)
        if epoch > self.bar.n:
            self.bar.set_postfix(
                {f"{k} loss": v for k, v in losses.items()}, refresh=False
            )
            self.bar.update(epoch - self.bar.n)

    def _stamp(self, name: str) -> int:
        path = self.exp / name
        return path.stat().st_mtime_ns if path.exists() else 0
