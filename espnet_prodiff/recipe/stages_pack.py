"""Stage 10: one file with what speaks, and a card that says what it is."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import soundfile

from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.fileio.yaml_files import read_yaml
from espnet_prodiff.recipe import naming
from espnet_prodiff.recipe.card import CARD, NUM_SAMPLES, model_card
from espnet_prodiff.recipe.jobs import espnet, run_shown
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.prepare.recipe_files import CORPUS, read_corpus


def pack(options: Options) -> None:
    """Pack the model of ``tts_exp`` with its statistics, speakers, samples and card.

    In a directory of ``espnet-prodiff prepare`` the voice gets the g2p that has made
    the phones, so that it reads words. A model of ESPnet's is packed as ESPnet does.

    Raises:
        UserError: The model cannot be packed.
        FileNotFoundError: There is no model.
    """
    # torch and ESPnet take seconds, and the recipe's other stages start without them.
    from espnet_prodiff.inference.direct import MODELS
    from espnet_prodiff.inference.packing import pack_voice

    exp = Path(options.tts_exp)
    config = read_yaml(exp / "config.yaml", "training config")
    if config.get("tts") not in MODELS:
        _pack_as_espnet(options)
        return
    samples = decoded_samples(options)
    write_text(exp / CARD, model_card(options, config, list(samples)))
    files: dict[str, str | Path] = dict(_side_files(options))
    with tempfile.TemporaryDirectory() as name:
        for number, wav in enumerate(samples.values(), 1):
            files[f"sample_{number}.flac"] = Path(name) / f"sample_{number}.flac"
            soundfile.write(files[f"sample_{number}.flac"], *soundfile.read(wav))
        pack_voice(
            exp / options.inference_model,
            naming.packed_model(options),
            card=exp / CARD,
            speakers=_train(options) / "spk2sid" if options.use_sid else None,
            vocoder=options.vocoder_file if _is_packed(options.vocoder_file) else None,
            others=files,
            dtype="float32",
            **_g2p(),
        )


def decoded_samples(options: Options) -> dict[str, Path]:
    """Return the first decoded waves of the first test set, by utterance."""
    name = options.test_sets.split()[0]
    table = Path(options.tts_exp) / options.inference_tag / name / "wav" / "wav.scp"
    if not table.exists():
        return {}
    return dict(list((u, Path(p)) for u, p in read_table(table).items())[:NUM_SAMPLES])


def _g2p() -> Mapping[str, Any]:
    """Return the options of `pack_voice` for the g2p of a prepared corpus."""
    if not Path(CORPUS).exists():
        return {}
    corpus = read_corpus(Path("."))
    if "lexicon" in corpus.g2p_conf:
        return corpus.g2p_conf
    return {"espeak_language": corpus.g2p_conf["language"]}


def _is_packed(vocoder_file: str) -> bool:
    return vocoder_file.endswith(".zip")


def _train(options: Options) -> Path:
    return options.org(options.train_set)


def _side_files(options: Options) -> Mapping[str, Path]:
    """Return what a speaker's or language's number or embedding is found by."""
    files = {}
    if options.use_lid:
        files["lang2lid"] = _train(options) / "lang2lid"
    if options.use_spk_embed:
        tag = options.spk_embed_tag
        vectors = Path(options.dumpdir) / tag / options.train_set
        for end in ("scp", "ark"):
            files[f"spk_{tag}.{end}"] = vectors / f"spk_{tag}.{end}"
    return files


def _pack_as_espnet(options: Options) -> None:
    exp, stats = Path(options.tts_exp), Path(options.tts_stats_dir) / "train"
    extras = [stats / f"{n}_stats.npz" for n in ("feats", "pitch", "energy")]
    files = [f for f in extras if f.exists()]
    files += [_train(options) / "spk2sid"] if options.use_sid else []
    files += list(_side_files(options).values())
    if options.token_type == "bpe":
        files.append(naming.bpe_model(options))
    run_shown(
        [
            *espnet(options, "pack"), "tts", "--train_config", str(exp / "config.yaml"),
            "--model_file", str(exp / options.inference_model),
            "--outpath", str(naming.packed_model(options)),
            *[word for file in files for word in ("--option", str(file))],
        ]
    )  # fmt: skip
