"""Names of files and directories, by the rules of ``tts.sh``."""

import re
from dataclasses import replace
from pathlib import Path

from espnet_prodiff.recipe.options import Options


def resolve(o: Options) -> Options:
    """Fill the experiment, statistics and decoding names that were left empty."""
    kind = "bpe" + str(o.nbpe) if o.token_type == "bpe" else o.token_type
    text = f"{o.feats_type}_{kind}{_suffix(o)}"
    tag = o.tag or f"{_stem(o.train_config, 'train')}_{text}{_squeeze(o.train_args)}"
    extract = "" if o.feats_extract == "fbank" else f"{o.feats_extract}_"
    stats = text.replace("_", f"_{extract}", 1)
    return replace(
        o,
        tag=tag,
        tts_exp=o.tts_exp or f"{o.expdir}/tts_{tag}",
        tts_stats_dir=o.tts_stats_dir or f"{o.expdir}/tts_stats_{stats}",
        inference_tag=o.inference_tag or inference_tag(o),
    )


def inference_tag(o: Options) -> str:
    """Name of the decoding directory: configuration, overrides, model."""
    model = re.sub(r"\.[^.]*$", "", o.inference_model.replace("/", "_"))
    stem = _stem(o.inference_config, "inference")
    return f"{stem}{_squeeze(o.inference_args)}_{model}"


def at_steps(o: Options, steps: int, exp: str) -> Options:
    """The options that decode the model in ``exp`` with ``steps`` sampling steps."""
    extra = f"--num_steps {steps}"
    args = f"{o.inference_args} {extra}".strip()
    default = o.inference_tag == inference_tag(o)
    new = replace(o, inference_args=args, tts_exp=exp)
    tag = inference_tag(new) if default else f"{o.inference_tag}{_squeeze(extra)}"
    return replace(new, inference_tag=tag)


def token_list(o: Options) -> Path:
    """File of the tokens, one per line."""
    name = o.token_type + _suffix(o)
    return Path(o.dumpdir) / "token_list" / name / "tokens.txt"


def bpe_model(o: Options) -> Path:
    """File of the sentencepiece model; its size is in its name."""
    return token_list(o).with_name(f"unigram{o.nbpe}.model")


def packed_model(o: Options) -> Path:
    """File that stage 10 writes."""
    model = re.sub(r"\.[^.]*$", "", o.inference_model)
    return Path(o.tts_exp) / f"{Path(o.tts_exp).name}_{model}.zip"


def _suffix(o: Options) -> str:
    cleaner = "" if o.cleaner == "none" else f"_{o.cleaner}"
    return cleaner + (f"_{o.g2p}" if o.token_type == "phn" else "")


def _stem(config: str, default: str) -> str:
    return Path(config).name.removesuffix(".yaml") if config else default


def _squeeze(args: str) -> str:
    # A slash would make a directory, so paths lose theirs (tts.sh keeps it).
    return re.sub(r"[ |=]", "", args.replace("--", "_")).replace("/", "_")
