"""A data directory as tokens and mels; utterances that cannot be aligned apart."""

from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from espnet_prodiff.alignment.data_dir import read_data_dir
from espnet_prodiff.alignment.features import MelExtractor
from espnet_prodiff.alignment.tokens import Tokenizer
from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.audio import read_recording

# Mels kept in memory: about 13 hours at 22,050 Hz; the rest is computed when used.
_CACHE_BYTES = 2**30


class Corpus:
    """The utterances of a data directory with wav.scp and text.

    Reading it checks every file once, so that bad input is refused before training.

    Attributes:
        utts: Utterances that can be aligned, in the order of wav.scp.
        tokens: Ids without eos (N,), by utterance.
        num_frames: Frames, by utterance.
        unalignable: Utterances that cannot be aligned, with the reason.
    """

    def __init__(self, path: Path, tokenizer: Tokenizer, extractor: MelExtractor):
        self.path, self.name = path, path.name
        self.utts: list[str] = []
        self.tokens: dict[str, Tensor] = {}
        self.num_frames: dict[str, int] = {}
        self.unalignable: dict[str, str] = {}
        self._extractor = extractor
        self._table = read_data_dir(path)
        self._cache: dict[str, Tensor] = {}
        self._cached_bytes = 0
        title = f"reading {self.name}"
        bar = tqdm(self._table.items(), title, unit="utt", mininterval=1.0)
        for utt, (_, text) in bar:
            tokens = tokenizer(text, utt)
            wav = self._read(utt)
            try:
                if len(tokens) == 0:
                    raise UserError("its text has no tokens")
                frames = extractor.config.num_frames(len(wav))
                if frames < len(tokens) + 1:
                    raise UserError(f"{frames} frames for {len(tokens)} tokens and eos")
                self._keep(utt, extractor(wav))
            except ValueError as error:
                self.unalignable[utt] = str(error)
                continue
            self.utts.append(utt)
            self.tokens[utt] = tokens
            self.num_frames[utt] = frames

    def mel(self, utt: str) -> Tensor:
        """Return the log-mel frames of an utterance (L, num_mels)."""
        if utt not in self._cache:
            mel = self._extractor(self._read(utt))
            self._keep(utt, mel)
            return mel
        return self._cache[utt]

    def _read(self, utt: str) -> Tensor:
        """Read the samples (T_wav,) of an utterance."""
        file, _ = self._table[utt]
        recording = read_recording(file, utt, self._extractor.config.fs)
        return torch.from_numpy(recording.samples).float()

    def _keep(self, utt: str, mel: Tensor) -> None:
        size = mel.numel() * mel.element_size()
        if self._cached_bytes + size <= _CACHE_BYTES:
            self._cache[utt] = mel
            self._cached_bytes += size
