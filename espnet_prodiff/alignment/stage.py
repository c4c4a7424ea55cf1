"""The alignment stage: data directories in, ESPnet `durations` files out."""

import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from espnet_prodiff.alignment.aligner import Aligner
from espnet_prodiff.alignment.corpus import Corpus
from espnet_prodiff.alignment.data_dir import read_data_dir, remove_utterances
from espnet_prodiff.alignment.features import MelConfig, MelExtractor
from espnet_prodiff.alignment.plots import plot_alignment, plot_losses
from espnet_prodiff.alignment.tokens import Tokenizer
from espnet_prodiff.alignment.training import train
from espnet_prodiff.errors import DataError, check_positive
from espnet_prodiff.fileio.atomic import atomic_path, write_text
from espnet_prodiff.fileio.checkpoint import file_sha256, load_weights
from espnet_prodiff.fileio.tables import read_table, write_table

MODEL_FILE = "aligner.pth"
_NUM_PLOTS = 3
# Changes when durations of the same input would come out differently.
_VERSION = 1


@dataclass(frozen=True)
class AlignmentOptions:
    """Corpora to align, and the options of the aligner.

    Attributes:
        train_dir: Data directory to train on; aligned as well.
        data_dirs: Other data directories to align.
        output_dir: Directory for <set name>/durations, the model and the plots.
        token_list: ESPnet's tokens.txt.
        token_type: "phn", "char", "bpe" or "word".
        cleaner: Text cleaner of ESPnet, or None.
        g2p: g2p of ESPnet, or None.
        bpemodel: sentencepiece model, for "bpe".
        mel: Mel parameters.
        num_updates: Optimiser steps; None chooses by the size of the corpus.
        batch_size: Utterances a step.
        lr: Peak learning rate.
        seed: Of training.
        ngpu: 0 or 1.

    Raises:
        UserError: A number is not positive.
    """

    train_dir: Path
    data_dirs: tuple[Path, ...]
    output_dir: Path
    token_list: Path
    token_type: str = "phn"
    cleaner: str | None = None
    g2p: str | None = None
    bpemodel: Path | None = None
    mel: MelConfig = MelConfig()
    num_updates: int | None = None
    batch_size: int = 8
    lr: float = 2e-3
    seed: int = 0
    ngpu: int = 0

    def __post_init__(self) -> None:
        check_positive("batch_size", self.batch_size)
        if self.num_updates is not None:
            check_positive("num_updates", self.num_updates)


def align_corpora(options: AlignmentOptions) -> None:
    """Train the aligner and write the durations of every data directory.

    The model is kept if it was trained with these options on this data, and the
    durations if that model aligned all sets as they are now.

    Raises:
        UserError: Bad input; nothing was written for the set concerned.
    """
    dirs = (options.train_dir, *options.data_dirs)
    names = [path.name for path in dirs]
    if len(set(names)) < len(names):
        raise DataError(
            f"two data directories have one name ({', '.join(names)}): durations go to "
            "<output_dir>/<name>, so give them different names"
        )
    settings = _settings(options)
    model_file = options.output_dir / MODEL_FILE
    trained = _digest(settings, _fingerprint(options.train_dir))
    aligner = load_aligner(model_file, trained)
    if aligner and all(_is_done(options.output_dir, d, trained) for d in dirs):
        print(f"{options.output_dir}: the durations are complete, nothing to do")
        return
    device = "cuda" if options.ngpu else "cpu"
    text = (options.token_type, options.cleaner, options.g2p, options.bpemodel)
    tokenizer = Tokenizer(options.token_list, *text)
    extractor = MelExtractor(options.mel)
    # All of them before training, so that bad input is refused at once.
    corpora = [Corpus(path, tokenizer, extractor) for path in dirs]
    if aligner is None:
        aligner, history = train(
            corpora[0],
            tokenizer.num_tokens,
            num_updates=options.num_updates,
            batch_size=options.batch_size,
            lr=options.lr,
            seed=options.seed,
            device=device,
        )
        # Utterances that cannot be aligned go first, so that the fingerprint is of the
        # data that a second call reads.
        _remove_unalignable(corpora[0], options.output_dir)
        trained = _digest(settings, _fingerprint(options.train_dir))
        save_aligner(aligner, model_file, trained)
        plot_losses(history, options.output_dir / "images" / "loss.png")
    aligner.to(device)
    for corpus in corpora:
        _align_set(aligner, corpus, options.output_dir, trained)


def _align_set(aligner: Aligner, corpus: Corpus, output_dir: Path, model: str) -> None:
    lines: dict[str, str] = {}
    bar = tqdm(corpus.utts, desc=f"aligning {corpus.name}", unit="utt", mininterval=1.0)
    for utt in bar:
        mel = corpus.mel(utt)
        try:
            durations, attention = aligner.align(corpus.tokens[utt], mel)
        except ValueError as error:
            corpus.unalignable[utt] = str(error)
            continue
        if len(lines) < _NUM_PLOTS:
            file = output_dir / "images" / f"{corpus.name}_{utt}.png"
            plot_alignment(utt, attention, mel, durations, file)
        lines[utt] = " ".join(map(str, durations.tolist()))
    if not lines:
        raise DataError(
            f"{corpus.path}: not one utterance could be aligned; first: "
            f"{next(iter(corpus.unalignable.items()), None)}"
        )
    _remove_unalignable(corpus, output_dir)
    folder = output_dir / corpus.name
    write_table(folder / "durations", lines)
    done = {"model": model, "data": _fingerprint(corpus.path)}
    write_text(folder / ".done.json", json.dumps(done) + "\n")


def _remove_unalignable(corpus: Corpus, output_dir: Path) -> None:
    """List what cannot be aligned, warn, and take it out of the data directory."""
    if not corpus.unalignable:
        return
    listing = output_dir / corpus.name / "unaligned"
    reasons = read_table(listing) if listing.is_file() else {}
    write_table(listing, reasons | corpus.unalignable)
    remove_utterances(corpus.path, set(corpus.unalignable))
    for utt, why in corpus.unalignable.items():
        logging.warning("%s: utterance %s cannot be aligned: %s", corpus.path, utt, why)
    count = len(corpus.unalignable)
    logging.warning(
        f"{corpus.path}: {count} of {len(corpus.utts) + count} utterances were left "
        f"out (list: {listing}; the old files: {corpus.path}/.backup)"
    )
    corpus.unalignable = {}


def save_aligner(aligner: Aligner, path: Path, trained: str) -> None:
    """Save a model; `trained` is a digest of its training's options and data."""
    sizes = {k: getattr(aligner, k) for k in ("num_tokens", "num_mels", "channels")}
    saved = {"trained": trained, **sizes, "state_dict": aligner.state_dict()}
    with atomic_path(path) as temporary:
        torch.save(saved, temporary)


def load_aligner(path: Path, trained: str) -> Aligner | None:
    """Load a model; None if there is none, or one of other options or data."""
    if not path.is_file():
        return None
    try:
        saved = load_weights(path)
        if saved["trained"] != trained:
            return None
        aligner = Aligner(saved["num_tokens"], saved["num_mels"], saved["channels"])
        aligner.load_state_dict(saved["state_dict"])
    except (KeyError, TypeError, RuntimeError) as error:
        message = f"{path} is not a model of this aligner ({error}): delete it and run"
        raise DataError(f"{message} the stage again") from error
    return aligner.eval()


def _settings(options: AlignmentOptions) -> str:
    """Return everything that the durations depend on, besides the data."""
    files = [options.token_list, options.bpemodel]
    content = [file_sha256(file)[:16] for file in files if file and file.is_file()]
    training = (options.num_updates, options.batch_size, options.lr, options.seed)
    text = (options.token_type, options.cleaner, options.g2p)
    return json.dumps([_VERSION, content, asdict(options.mel), text, training])


def _fingerprint(path: Path) -> str:
    """Return a digest of a data directory's tables and its audio files' sizes."""
    entries = []
    for utt, (file, text) in read_data_dir(path).items():
        size = os.path.getsize(file) if os.path.isfile(file) else -1
        entries.append([utt, file, size, text])
    return _digest(json.dumps(entries))


def _is_done(output_dir: Path, data_dir: Path, model: str) -> bool:
    folder = output_dir / data_dir.name
    try:
        done = json.loads((folder / ".done.json").read_text())
    except (OSError, ValueError):
        return False
    if done != {"model": model, "data": _fingerprint(data_dir)}:
        return False
    file = folder / "durations"
    return file.is_file() and read_table(file).keys() == read_data_dir(data_dir).keys()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
