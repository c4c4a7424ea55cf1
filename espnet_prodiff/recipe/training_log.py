"""Follow a training by the log that ESPnet writes."""

import re
import time
from pathlib import Path

from espnet_prodiff.errors import ConfigError
from espnet_prodiff.fileio.yaml_files import read_yaml
from espnet_prodiff.recipe.jobs import Status

EPOCH = re.compile(r"(\d+)epoch results: (.*)")
LOSS = re.compile(r"\[(train|valid)\][^\[]*?\bloss=([^,\s]+)")


def read_epochs(log: str) -> tuple[int, dict[str, str]]:
    """Number of the last finished epoch in a log, and its losses by set."""
    epochs = EPOCH.findall(log)
    if not epochs:
        return 0, {}
    number, results = epochs[-1]
    return int(number), dict(LOSS.findall(results))


class TrainingLog:
    """Epochs and losses of the training in ``exp``, not of an earlier one there."""

    def __init__(self, exp: Path):
        self.log, self.config = exp / "train.log", exp / "config.yaml"
        self.old_config = _stamp(self.config)
        self.file, self.offset, _ = _stamp(self.log)
        self.text, self.started = "", False
        self.status = Status(0)

    def read(self) -> Status:
        """Return the last finished epoch, the number of epochs and the losses."""
        if not self.started:
            stamp = _stamp(self.config)
            # ESPnet may still be writing a file of this very second.
            is_written = time.time() - stamp[2] / 1e9 > 1
            if stamp == self.old_config or not is_written or not self.log.exists():
                return self.status
            try:
                config = read_yaml(self.config, "training config")
            except ConfigError:
                return self.status  # half written, for longer than that
            self.status = Status(0, config.get("max_epoch"))
            self.started = True
        if _stamp(self.log)[0] != self.file:  # a new log, the old one was moved
            self.file, self.offset = _stamp(self.log)[0], 0
        with self.log.open(encoding="utf-8", errors="replace") as f:
            f.seek(self.offset)
            self.text = (self.text + f.read())[-20000:]
            self.offset = f.tell()
        epoch, losses = read_epochs(self.text)
        if epoch > self.status.done:
            values = {f"{k} loss": v for k, v in losses.items()}
            self.status = Status(epoch, self.status.total, values)
        return self.status


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return a file's inode, size and time of change in ns; zeros without a file."""
    if not path.exists():
        return 0, 0, 0
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
