"""The runtime in a process of its own, where torch and ESPnet cannot be imported."""

import subprocess
import sys

import soundfile

SPEAK = """
import sys
heavy = "torch espnet espnet2 scipy librosa h5py pandas matplotlib sklearn tqdm".split()
for name in heavy:
    sys.modules[name] = None  # importing it is an error
from espnet_prodiff.runtime import Voice
voice = Voice(sys.argv[1])
voice.save(sys.argv[2], "On 3 May, Dr. Zorkifee paid $5.", seed=1)
loaded = {name.split(".")[0] for name in sys.modules if sys.modules[name] is not None}
print(sorted(loaded & {"onnx", "yaml", "filelock", "resampy", "numba", "pydantic"}))
"""


def test_it_speaks_without_torch_and_espnet(exported_slt, tmp_path):
    command = [sys.executable, "-c", SPEAK, str(exported_slt), str(tmp_path / "a.wav")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n" and done.stderr == ""
    wav, fs = soundfile.read(tmp_path / "a.wav")
    assert fs == 16000 and len(wav) > 2 * fs and abs(wav).max() > 0.1
