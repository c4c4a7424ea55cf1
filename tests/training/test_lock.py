"""Two trainings in one directory: the second is refused, a dead one holds nothing."""

import os
import signal
import subprocess
import sys

import pytest

from espnet_prodiff.errors import UserError
from espnet_prodiff.training.lock import only_training_in

HOLDER = """
import os, sys, time
from pathlib import Path
from espnet_prodiff.training.lock import only_training_in
with only_training_in(Path(sys.argv[1])):
    child = os.fork()  # as the workers of a data loader
    if child:
        print(child, flush=True)
    time.sleep(60)
"""


def test_the_second_training_is_refused_until_the_first_is_dead(tmp_path):
    first = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE
    )
    child = int(first.stdout.readline())
    try:
        message = f"another training runs in .*process {first.pid} on .*--tag"
        for _ in range(2):
            with pytest.raises(UserError, match=message), only_training_in(tmp_path):
                pass
        first.kill()
        first.wait()
        with only_training_in(tmp_path):  # although its child lives
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        first.kill()
        first.stdout.close()
