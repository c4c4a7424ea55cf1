"""The parts of ESPnet's training command that several stages share."""

from pathlib import Path

from espnet_prodiff.recipe import naming
from espnet_prodiff.recipe.options import Options


def speech_type(o: Options) -> str:
    """ESPnet's name of the kind of ``wav.scp``."""
    return "kaldi_ark" if "ark" in o.audio_format else "sound"


def inputs(kind: str, directory: Path, table: str, name: str, form: str) -> list[str]:
    """One input of a set; ``kind`` is ``train`` or ``valid``."""
    option = f"--{kind}_data_path_and_name_and_type"
    return [option, f"{directory / table},{name},{form}"]


def conf(option: str, **values: object) -> list[str]:
    """``--option key=value`` for each value."""
    return [x for k, v in values.items() for x in (f"--{option}", f"{k}={v}")]


def feats_extract(o: Options) -> list[str]:
    """Options of the feature extractor."""
    stft = {"n_fft": o.n_fft, "hop_length": o.n_shift, "win_length": o.win_length}
    mel = {"fs": o.fs, "fmin": o.fmin, "fmax": o.fmax, "n_mels": o.n_mels}
    if o.feats_extract != "fbank":
        mel = {}
    return [
        "--feats_extract", o.feats_extract,
        *conf("feats_extract_conf", **stft, **mel),
    ]  # fmt: skip


def pitch_extract(o: Options) -> list[str]:
    """Options of the F0 extractor."""
    stft = {"fs": o.fs, "n_fft": o.n_fft, "hop_length": o.n_shift}
    return conf("pitch_extract_conf", **stft, f0max=o.f0max, f0min=o.f0min)


def energy_extract(o: Options) -> list[str]:
    """Options of the energy extractor."""
    stft = {"fs": o.fs, "n_fft": o.n_fft, "hop_length": o.n_shift}
    return conf("energy_extract_conf", **stft, win_length=o.win_length)


def text_options(o: Options) -> list[str]:
    """Options of the text front end."""
    bpe = []
    if o.token_type == "bpe":
        bpe = ["--bpemodel", str(naming.bpe_model(o))]
    return [
        "--use_preprocessor", "true", "--token_type", o.token_type,
        "--token_list", str(naming.token_list(o)),
        "--non_linguistic_symbols", o.nlsyms_txt,
        "--cleaner", o.cleaner, "--g2p", o.g2p, *bpe,
    ]  # fmt: skip


def side_inputs(o: Options, name: str) -> list[tuple[Path, str, str, str]]:
    """Speaker and language inputs of a set: directory, table, name, form."""
    found = []
    if o.use_spk_embed:
        tag = o.spk_embed_tag
        found.append(
            (Path(o.dumpdir) / tag / name, f"{tag}.scp", "spembs", "kaldi_ark")
        )
    if o.use_sid:
        found.append((o.data_feats / name, "utt2sid", "sids", "text_int"))
    if o.use_lid:
        found.append((o.data_feats / name, "utt2lid", "lids", "text_int"))
    return found
