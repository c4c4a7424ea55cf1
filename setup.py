"""Install espnet_prodiff."""

import re
import runpy
from pathlib import Path

from setuptools import find_packages, setup

root = Path(__file__).parent
version = re.search(
    r'__version__ = "(.+)"', (root / "espnet_prodiff" / "__init__.py").read_text()
).group(1)

# By name what only some uses need; error messages say how to install it.
extras = runpy.run_path(str(root / "espnet_prodiff" / "extras.py"))["EXTRAS"]

setup(
    name="espnet_prodiff",
    version=version,
    description="Fast diffusion speech synthesis as a plugin for ESPnet2",
    long_description=(root / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    author="The espnet_prodiff contributors",
    keywords="speech-synthesis text-to-speech tts diffusion distillation espnet",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "License :: OSI Approved :: Apache Software License",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Multimedia :: Sound/Audio :: Speech",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    project_urls={
        "ESPnet": "https://github.com/espnet/espnet",
        "ProDiff": "https://arxiv.org/abs/2207.06389",
        "Progressive distillation": "https://arxiv.org/abs/2202.00512",
        "DiffWave": "https://arxiv.org/abs/2009.09761",
        "WaveGrad 2": "https://arxiv.org/abs/2106.09660",
    },
    packages=find_packages(include=["espnet_prodiff", "espnet_prodiff.*"]),
    package_data={
        "espnet_prodiff": [
            "py.typed",
            "voices/*.zip",
            "voices/*.md",
            "serve/page.html",
            "conf/*.yaml",  # a link to conf/
            "conf/*/*.yaml",
            "recipe/prepare/template/*.sh",
        ]
    },
    python_requires=">=3.10,<3.14",
    install_requires=[
        "espnet==202511",
        # ESPnet pins setuptools<74 and torch 2.13 wants a newer one: without this
        # bound pip downloads and rejects every newer torch first.
        "torch>=2.6,<2.13",
        "torchaudio",
        "espnet_model_zoo>=0.1.7",
        "numpy",
        "sentencepiece",
        "pyworld",
        # What ESPnet imports on our path without depending on it.
        "matplotlib",
        "tensorboard",
        "resampy",
        "six",
        # Used directly.
        "filelock",
        "h5py",
        "humanfriendly",
        "inflect",
        "kaldiio",
        "librosa",
        "packaging",
        "pystoi",
        "pyyaml",
        "scikit-learn",
        "scipy",
        "soundfile",
        "soxr",
        "tqdm",
    ],
    entry_points={"console_scripts": ["espnet-prodiff = espnet_prodiff.__main__:main"]},
    extras_require={
        **extras,
        "test": [
            *extras["espeak"],
            *extras["pesq"],
            *extras["japanese"],
            *extras["datasets"],
            *extras["share"],
            *extras["export"],
            *extras["runtime"],
            *extras["serve"],
            *extras["bulk"],
            "httpx",  # of starlette's test client
            "ipykernel",
            "nbclient",
            "nbformat",
            "openai",
            "psutil",
            "selenium",
            "sherpa-onnx",
            "diffusers>=0.30",
            "mypy",
            "pytest",
            "pytest-xdist>=3.7",
            "ruff",
            "wheel",
        ],
    },
)
