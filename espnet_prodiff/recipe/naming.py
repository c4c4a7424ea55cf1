"""Names of files and directories, by the rules of ``tts.sh``."""

import re
from dataclasses import replace
from pathlib import Path

from espnet_prodiff.recipe.options import Options


def resolve(options: Options) -> Options:
    """Fill the experiment, statistics and decoding names that were left empty."""
    kind: str = options.token_type
    kind += str(options.nbpe) if kind == "bpe" else ""
    text = f"{options.feats_type}_{kind}{_suffix(options)}"
    config = _stem(options.train_config, "train")
    tag = options.tag or f"{config}_{text}{_squeeze(options.train_args)}"
    extract = "" if options.feats_extract == "fbank" else f"{options.feats_extract}_"
    stats = text.replace("_", f"_{extract}", 1)
    return replace(
        options,
        tag=tag,
        tts_exp=options.tts_exp or f"{options.expdir}/tts_{tag}",
        tts_stats_dir=options.tts_stats_dir or f"{options.expdir}/tts_stats_{stats}",
        inference_tag=options.inference_tag or inference_tag(options),
    )


def inference_tag(options: Options) -> str:
    """Name the decoding directory by configuration, overrides and model."""
    model = re.sub(r"\.[^.]*$", "", options.inference_model.replace("/", "_"))
    stem = _stem(options.inference_config, "inference")
    return f"{stem}{_squeeze(options.inference_args)}_{model}"


def at_steps(options: Options, steps: int, exp: str) -> Options:
    """Return options that decode the model in ``exp`` with ``steps`` sampling steps."""
    extra = f"--num_steps {steps}"
    args = f"{options.inference_args} {extra}".strip()
    system = replace(options, inference_args=args, tts_exp=exp)
    if options.inference_tag == inference_tag(options):
        return replace(system, inference_tag=inference_tag(system))
    return replace(system, inference_tag=options.inference_tag + _squeeze(extra))


def token_list(options: Options) -> Path:
    """Return the file of the tokens, one per line."""
    name = options.token_type + _suffix(options)
    return Path(options.dumpdir) / "token_list" / name / "tokens.txt"


def bpe_model(options: Options) -> Path:
    """Return the file of the sentencepiece model; its size is in its name."""
    return token_list(options).with_name(f"unigram{options.nbpe}.model")


def packed_model(options: Options) -> Path:
    """Return the file that stage 10 writes."""
    model = re.sub(r"\.[^.]*$", "", options.inference_model)
    return Path(options.tts_exp) / f"{Path(options.tts_exp).name}_{model}.zip"


def _suffix(options: Options) -> str:
    cleaner = "" if options.cleaner == "none" else f"_{options.cleaner}"
    g2p = f"_{options.g2p}" if options.token_type == "phn" else ""
    voice = Path(options.from_voice)  # whose tokens come first
    return cleaner + g2p + (f"_from_{voice.stem}" if voice.name else "")


def _stem(config: str, default: str) -> str:
    return Path(config).name.removesuffix(".yaml") if config else default


def _squeeze(args: str) -> str:
    # A slash would make a directory, so paths lose theirs (tts.sh keeps it).
    return re.sub(r"[ |=]", "", args.replace("--", "_")).replace("/", "_")
