"""Packages that only some uses need: setup.py's extras, and how to install them.

Read by setup.py as well, so it imports nothing but the standard library.
"""

import shlex

EXTRAS = {
    # Open JTalk with its dictionary in the wheel: Japanese texts to phones.
    "japanese": ["pyopenjtalk-plus"],
    # GPL: speaks the embedded corpus and turns its text into phones. Never imported by
    # the package itself.
    "espeak": ["espeakng-loader==0.2.4", "phonemizer>=3.3", "dlinfo"],
    # A figure of the evaluation. Its C code is the ITU's, whose licence allows no
    # commercial use but to judge the algorithm.
    "pesq": ["pesq"],
    # `make docs` and `make mutants`.
    "docs": ["mkdocs-material>=9.5,<10", "mkdocstrings[python]"],
    "mutants": ["mutmut>=3.8"],
    "play": ["sounddevice"],
    # Uploads voices to the Hugging Face hub.
    "share": ["huggingface_hub"],
    # Reads data sets of Hugging Face.
    "datasets": ["datasets"],
    # Writes voices for runtimes without torch.
    "export": ["onnx", "onnxruntime"],
    # All that such a voice needs, without the package's own requirements (--no-deps).
    "runtime": ["numpy", "onnxruntime", "soundfile", "inflect"],
    # Beside those of the runtime.
    "serve": ["fastapi", "uvicorn", "prometheus_client"],
    # Several workers, on one machine or many; parquet files.
    "bulk": ["ray[data]", "tqdm"],
}


def install_command(extra: str) -> str:
    """Return the command that installs an extra where the package is installed.

    It names the packages themselves: the plugin is on no index.
    """
    return f"pip install {shlex.join(EXTRAS[extra])}"
