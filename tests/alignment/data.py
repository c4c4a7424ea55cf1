"""Small corpora for the aligner's tests."""

from pathlib import Path

import numpy as np
import soundfile

TOKENS = ["<blank>", "<unk>", "a", "b", "c", "<sos/eos>"]
FS, HOP = 16000, 256


def tone_corpus(folder: Path, num_utts: int = 8, seed: int = 0) -> Path:
    """Write utterances of tones, one tone a token, and the token list.

    Returns the data directory; phones last 8 to 20 hops, with a silence around.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "tokens.txt").write_text("\n".join(TOKENS) + "\n")
    scp, text, speakers = [], [], []
    for index in range(num_utts):
        utt = f"s-{index:02d}"
        names = [str(rng.choice(TOKENS[2:5]))]
        for _ in range(rng.integers(3, 7)):  # never the same twice in a row
            names.append(str(rng.choice([t for t in TOKENS[2:5] if t != names[-1]])))
        parts = [np.zeros(6 * HOP)]
        for name in names:
            time = np.arange(int(rng.integers(8, 20)) * HOP) / FS
            parts.append(
                0.3 * np.sin(2 * np.pi * 500 * 2.0 ** "abc".index(name) * time)
            )
        parts.append(np.zeros(10 * HOP))
        wav = np.concatenate(parts) + 1e-4 * rng.standard_normal(sum(map(len, parts)))
        soundfile.write(folder / f"{utt}.wav", wav, FS, subtype="FLOAT")
        scp.append(f"{utt} {folder}/{utt}.wav\n")
        text.append(f"{utt} {' '.join(names)}\n")
        speakers.append(f"{utt} s\n")
    (folder / "wav.scp").write_text("".join(scp))
    (folder / "text").write_text("".join(text))
    (folder / "utt2spk").write_text("".join(speakers))
    (folder / "spk2utt").write_text(f"s {' '.join(s.split()[0] for s in scp)}\n")
    return folder
