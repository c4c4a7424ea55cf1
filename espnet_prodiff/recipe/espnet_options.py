"""The parts of ESPnet's training command that several stages share."""

from pathlib import Path

from espnet_prodiff.recipe import naming
from espnet_prodiff.recipe.options import Options


def speech_type(options: Options) -> str:
    """Return ESPnet's type of ``wav.scp``."""
    return "kaldi_ark" if "ark" in options.audio_format else "sound"


def inputs(kind: str, path: Path, name: str, form: str) -> list[str]:
    """Return one input of ESPnet: a table, the model's argument and the table's type.

    ``kind`` is "train", "valid" or, in decoding, "".
    """
    prefix = f"{kind}_" if kind else ""
    return [f"--{prefix}data_path_and_name_and_type", f"{path},{name},{form}"]


def conf(option: str, **values: object) -> list[str]:
    """Return ``--option key=value`` for each value."""
    return [x for k, v in values.items() for x in (f"--{option}", f"{k}={v}")]


def feats_extract(options: Options) -> list[str]:
    """Return the options of the feature extractor."""
    values: dict[str, object] = {"n_fft": options.n_fft, "hop_length": options.n_shift}
    values["win_length"] = options.win_length
    if options.feats_extract == "fbank":
        for name in ("fs", "fmin", "fmax", "n_mels"):
            values[name] = getattr(options, name)
    return [
        "--feats_extract", options.feats_extract, *conf("feats_extract_conf", **values)
    ]  # fmt: skip


def pitch_extract(options: Options) -> list[str]:
    """Return the options of the F0 extractor."""
    stft = {"fs": options.fs, "n_fft": options.n_fft, "hop_length": options.n_shift}
    return conf("pitch_extract_conf", **stft, f0max=options.f0max, f0min=options.f0min)


def energy_extract(options: Options) -> list[str]:
    """Return the options of the energy extractor."""
    stft = {"fs": options.fs, "n_fft": options.n_fft, "hop_length": options.n_shift}
    return conf("energy_extract_conf", **stft, win_length=options.win_length)


def tokenizer_options(options: Options) -> list[str]:
    """Return the options that make tokens of a text."""
    words = ["--token_type", options.token_type, "--cleaner", options.cleaner]
    words += ["--g2p", options.g2p]
    if options.token_type == "bpe":
        words += ["--bpemodel", str(naming.bpe_model(options))]
    return words


def text_options(options: Options) -> list[str]:
    """Return the options that make token ids of a text."""
    return [
        "--use_preprocessor", "true", *tokenizer_options(options),
        "--token_list", str(naming.token_list(options)),
        "--non_linguistic_symbols", options.nlsyms_txt,
    ]  # fmt: skip


def side_inputs(options: Options, kind: str, name: str) -> list[str]:
    """Return the speaker and language inputs of the set ``name``, see `inputs`."""
    arguments = []
    if options.use_spk_embed:
        tag = options.spk_embed_tag
        vectors = Path(options.dumpdir) / tag / name / f"{tag}.scp"
        arguments += inputs(kind, vectors, "spembs", "kaldi_ark")
    data = options.data_feats / name
    if options.use_sid:
        arguments += inputs(kind, data / "utt2sid", "sids", "text_int")
    if options.use_lid:
        arguments += inputs(kind, data / "utt2lid", "lids", "text_int")
    return arguments


def duration_inputs(options: Options, kind: str, name: str) -> list[str]:
    """Return the durations of the set ``name``, if there are any, see `inputs`."""
    if not options.teacher_dumpdir:
        return []
    durations = Path(options.teacher_dumpdir) / name / "durations"
    return inputs(kind, durations, "durations", "text_int")
