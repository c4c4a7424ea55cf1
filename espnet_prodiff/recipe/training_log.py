"""Follow a training by the log that ESPnet writes."""

import re
import time
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
        self.log, self.config = exp / "train.log", exp / "config.yaml"
        self.text, self.started = "", False
        # What an earlier run has left tells nothing of this one.
        self.old_config = _stamp(self.config)
        self.file, self.offset, _ = _stamp(self.log)
        super().__init__(title, 0, lambda: 0, "epoch")

    def update(self) -> None:
        """Read what the log has gained."""
        if not self.started:
            fresh = _stamp(self.config)
            # ESPnet may still be writing a file of this very second.
            written = time.time() - fresh[2] / 1e9 > 1
            if fresh == self.old_config or not written or not self.log.exists():
                return
            config = yaml.safe_load(self.config.read_text(encoding="utf-8")) or {}
            self.bar.reset(total=config.get("max_epoch"))
            self.started = True
        if _stamp(self.log)[0] != self.file:  # a new log, the old one was moved
            self.file, self.offset = _stamp(self.log)[0], 0
        with self.log.open(encoding="utf-8", errors="replace") as f:
            f.seek(self.offset)
            self.text = (self.text + f.read())[-20000:]
            self.offset = f.tell()
        epoch, losses = read_epochs(self.text)
        if epoch > self.bar.n:
            named = {f"{k} loss": v for k, v in losses.items()}
            self.bar.set_postfix(named, refresh=False)
            self.bar.update(epoch - self.bar.n)


def _stamp(path: Path) -> tuple[int, int, int]:
    """Which file it is, how long and how new."""
    if not path.exists():
        return 0, 0, 0
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
