"""Small corpora for the aligner's tests."""

from pathlib import Path

import numpy as np
import soundfile

SYMBOLS = "abcdefgh"
TOKENS = ["<blank>", "<unk>", *SYMBOLS, "<sos/eos>"]
FS, HOP = 16000, 256


def tone_corpus(folder: Path, num_utts: int = 8, seed: int = 0) -> Path:
    """Write utterances of tones, one tone a token, and the token list.

    Returns the data directory; tones last 8 to 19 hops, after 6 and before 10 hops of
    silence. `truth` has the true durations.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "tokens.txt").write_text("\n".join(TOKENS) + "\n")
    scp, text, speakers, truth = [], [], [], []
    for index in range(num_utts):
        utt = f"s-{index:02d}"
        names = [str(rng.choice(list(SYMBOLS)))]
        for _ in range(rng.integers(5, 11)):  # never the same twice in a row
            names.append(str(rng.choice([t for t in SYMBOLS if t != names[-1]])))
        parts, hops = [np.zeros(6 * HOP)], []
        for name in names:
            hops.append(int(rng.integers(8, 20)))
            time = np.arange(hops[-1] * HOP) / FS
            parts.append(
                0.3 * np.sin(2 * np.pi * 300 * 1.5 ** SYMBOLS.index(name) * time)
            )
        parts.append(np.zeros(10 * HOP))
        wav = np.concatenate(parts) + 1e-4 * rng.standard_normal(sum(map(len, parts)))
        soundfile.write(folder / f"{utt}.wav", wav, FS, subtype="FLOAT")
        scp.append(f"{utt} {folder}/{utt}.wav\n")
        text.append(f"{utt} {' '.join(names)}\n")
        speakers.append(f"{utt} s\n")
        hops[0] += 6
        truth.append(f"{utt} {' '.join(map(str, [*hops, 11]))}\n")
    (folder / "wav.scp").write_text("".join(scp))
    (folder / "text").write_text("".join(text))
    (folder / "truth").write_text("".join(truth))
    (folder / "utt2spk").write_text("".join(speakers))
    (folder / "spk2utt").write_text(f"s {' '.join(s.split()[0] for s in scp)}\n")
    return folder
