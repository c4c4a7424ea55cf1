"""Our models from their config, without ESPnet's training task.

The task knows every model, tokenizer and trainer of ESPnet, and importing it takes
many times as long as speaking a sentence. What is built here has the same values; where
a config asks for anything else, the task builds it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
import torch
from espnet2.layers import log_mel
from espnet2.layers.global_mvn import GlobalMVN
from espnet2.tts.espnet_model import ESPnetTTSModel
from espnet2.tts.feats_extract.abs_feats_extract import AbsFeatsExtract
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from espnet_prodiff.common.espeak import require_g2p
from espnet_prodiff.common.meaning import attach_meaning
from espnet_prodiff.common.mel_matrix import mel_matrix
from espnet_prodiff.common.plugin import FORMAT_KEY

# By their keys in training.registry, which imports all of them and the task.
MODELS = {
    "prodiff": "espnet_prodiff.prodiff.ProDiff",
    "diffwave": "espnet_prodiff.diffwave.DiffWave",
    "wavegrad2": "espnet_prodiff.wavegrad2.WaveGrad2",
    "spectral_vocoder": "espnet_prodiff.spectral_vocoder.SpectralVocoder",
}
EXTRACTORS = {
    "dio": "espnet2.tts.feats_extract.dio.Dio",
    "energy": "espnet2.tts.feats_extract.energy.Energy",
}
NORMALIZERS = ("normalize", "pitch_normalize", "energy_normalize")


def build_directly(args: argparse.Namespace) -> ESPnetTTSModel | None:
    """Build a model of ours, not yet with its weights; None where the task has to."""
    options = vars(args)
    ours = args.tts in MODELS and FORMAT_KEY in (args.tts_conf or {})
    known = ours and args.feats_extract == "fbank" and options.get("odim") is None
    known &= all(options.get(name) in (None, "global_mvn") for name in NORMALIZERS)
    known &= options.get("pitch_extract") in (None, "dio")
    known &= options.get("energy_extract") in (None, "energy")
    if not known:
        return None
    with _quick_mel_matrix():
        feats_extract = LogMelFbank(**(args.feats_extract_conf or {}))
    parts: dict[str, Any] = {name: None for name in NORMALIZERS}
    for name in NORMALIZERS:
        if options.get(name) is not None:
            parts[name] = GlobalMVN(**options[f"{name}_conf"])
    for name in ("pitch_extract", "energy_extract"):
        parts[name] = None
        if options.get(name) is not None:
            conf = {"reduction_factor": 1, **(options.get(f"{name}_conf") or {})}
            parts[name] = _LaterExtractor(EXTRACTORS[options[name]], conf)
    tts_class = _named(MODELS[args.tts])
    idim, odim = len(args.token_list), feats_extract.output_size()
    tts = tts_class(idim=idim, odim=odim, **args.tts_conf)
    tts.take_features(feats_extract, parts["normalize"])
    conf = options.get("model_conf") or {}
    model = ESPnetTTSModel(feats_extract=feats_extract, tts=tts, **parts, **conf)
    attach_meaning(model, args)
    return model


class Preprocessor(Protocol):
    """What is used of ESPnet's ``CommonPreprocessor`` and of `TextPreprocessor`."""

    text_cleaner: Any
    tokenizer: Any
    token_id_converter: Any

    def __call__(self, uid: str, data: dict[str, Any]) -> dict[str, Any]:
        """Turn the text among the data of an utterance into token ids."""


def build_preprocessor(args: argparse.Namespace) -> Preprocessor | None:
    """Build ESPnet's preprocessor of texts; None for a model that takes token ids."""
    if not args.use_preprocessor:
        return None
    require_g2p(getattr(args, "g2p", None))
    if args.token_type in ("char", "phn") and isinstance(args.token_list, list):
        return TextPreprocessor(args)
    from espnet2.tasks.tts import TTSTask  # slow to import

    return TTSTask.build_preprocess_fn(args, False)


class TextPreprocessor:
    """The cleaner, tokenizer and token table of ESPnet's ``CommonPreprocessor``."""

    def __init__(self, args: argparse.Namespace) -> None:
        """Build them from the options of a training."""
        from espnet2.text.char_tokenizer import CharTokenizer
        from espnet2.text.phoneme_tokenizer import PhonemeTokenizer
        from espnet2.text.token_id_converter import TokenIDConverter

        symbols = {
            "non_linguistic_symbols": args.non_linguistic_symbols,
            "space_symbol": "<space>",
        }
        self.text_cleaner = _NoCleaner()
        if args.cleaner is not None:
            from espnet2.text.cleaner import TextCleaner  # slow to import

            self.text_cleaner = TextCleaner(args.cleaner)
        if args.token_type == "phn":
            self.tokenizer = PhonemeTokenizer(g2p_type=args.g2p, **symbols)
        else:
            self.tokenizer = CharTokenizer(**symbols)
        self.token_id_converter = TokenIDConverter(args.token_list, "<unk>")

    def __call__(self, uid: str, data: dict[str, Any]) -> dict[str, Any]:
        """Turn a text into token ids; ``uid`` is the utterance."""
        if isinstance(data.get("text"), str):
            tokens = self.tokenizer.text2tokens(self.text_cleaner(data["text"]))
            ids = self.token_id_converter.tokens2ids(tokens)
            data["text"] = np.array(ids, dtype=np.int64)
        return data


class _NoCleaner:
    """ESPnet's ``TextCleaner(None)``."""

    cleaner_types: tuple[str, ...] = ()

    def __call__(self, text: str) -> str:
        return text


class _LaterExtractor(AbsFeatsExtract):
    """An extractor of ESPnet that is imported when it is asked for something.

    Inference needs those of pitch and energy with teacher forcing alone.
    """

    def __init__(self, name: str, conf: dict[str, Any]) -> None:
        super().__init__()
        self._name, self._conf = name, conf

    def _extractor(self) -> AbsFeatsExtract:
        if "_built" not in self.__dict__:  # no part of the model: it has no weights
            self.__dict__["_built"] = _named(self._name)(**self._conf)
        return self.__dict__["_built"]

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("_"):
                raise
            return getattr(self._extractor(), name)

    def output_size(self) -> int:
        return self._extractor().output_size()

    def get_parameters(self) -> dict[str, Any]:
        return self._extractor().get_parameters()

    def forward(self, *inputs: torch.Tensor, **others: torch.Tensor) -> Any:
        return self._extractor()(*inputs, **others)


@contextmanager
def _quick_mel_matrix() -> Iterator[None]:
    """Let ESPnet's features take our mel matrix: librosa imports slowly."""
    quick = SimpleNamespace(filters=SimpleNamespace(mel=mel_matrix))
    librosa, log_mel.librosa = log_mel.librosa, quick
    try:
        yield
    finally:
        log_mel.librosa = librosa


def _named(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)
