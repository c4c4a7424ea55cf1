"""The options of ``tts.sh``, with its names and defaults, and those of the plugin."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

AudioFormat = Literal["wav", "flac", "wav.ark", "flac.ark"]
Durations = Literal["", "learned", "given", "none"]
SpkEmbedTool = Literal["espnet", "speechbrain", "rawnet", "kaldi"]


def _opt(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Options:
    """Every option of the recipe; the field's name is the option's name.

    ``tts_exp``, ``tts_stats_dir``, ``tag`` and ``inference_tag`` are filled by
    :func:`espnet_prodiff.recipe.naming.resolve` where they were left empty.
    """

    # Stages and resources
    stage: int = _opt(1, "first stage to run")
    stop_stage: int = _opt(10000, "last stage to run")
    skip_data_prep: bool = _opt(False, "leave out stages 1 to 5")
    skip_train: bool = _opt(False, "leave out stages 6 and 7 and the distillation")
    skip_eval: bool = _opt(False, "leave out stage 8 and the evaluation")
    skip_packing: bool = _opt(True, "leave out stage 10")
    skip_scoring: bool = _opt(True, "leave out stage 9 (VERSA; only in tts.sh)")
    skip_upload_hf: bool = _opt(True, "leave out stage 11")
    ngpu: int = _opt(1, "GPUs for training, 0: use the CPU")
    num_nodes: int = _opt(1, "machines for training (above 1 only in tts.sh)")
    nj: int = _opt(32, "parallel jobs of stages 2 and 6")
    inference_nj: int = _opt(32, "parallel jobs of stage 8")
    gpu_inference: bool = _opt(False, "decode on a GPU")
    dumpdir: str = _opt("dump", "where the data of stages 2 to 5 goes")
    expdir: str = _opt("exp", "where statistics and models go")
    python: str = _opt(
        f"{sys.executable} -m espnet_prodiff", "command before '-m espnet2.bin.X'"
    )

    # Data
    local_data_opts: str = _opt("", "options of local/data.sh")
    feats_type: Literal["raw"] = _opt("raw", "kind of input")
    audio_format: AudioFormat = _opt("flac", "audio format of dump/")
    min_wav_duration: float = _opt(0.1, "shorter training utterances go, in s")
    max_wav_duration: float = _opt(20.0, "longer training utterances go, in s")
    use_sid: bool = _opt(False, "speaker ids as input (from utt2spk)")
    use_lid: bool = _opt(False, "language ids as input (from utt2lang)")
    use_spk_embed: bool = _opt(False, "speaker embeddings as input")
    spk_embed_tag: str = _opt("espnet_spk", "name of the embeddings: <tag>.scp")
    spk_embed_tool: SpkEmbedTool = _opt("espnet", "extractor (only in tts.sh)")
    spk_embed_model: str = _opt(
        "espnet/voxcelebs12_rawnet3",
        "extractor's model: weights beside their config.yaml (tts.sh: also a hub id)",
    )
    spk_embed_gpu_inference: bool = _opt(
        False, "extract embeddings on a GPU (only in tts.sh)"
    )

    allow_pipes: bool = _opt(False, "run commands that wav.scp and other tables hold")

    # Features
    feats_extract: str = _opt("fbank", "feature extractor")
    feats_normalize: str = _opt("global_mvn", "feature normaliser, or none")
    fs: str = _opt("16000", "sampling rate in Hz, 24k is 24000")
    n_fft: int = _opt(1024, "FFT size in samples")
    n_shift: int = _opt(256, "hop in samples")
    win_length: str = _opt("null", "window in samples, null: n_fft")
    fmin: str = _opt("80", "lowest mel frequency in Hz")
    fmax: str = _opt("7600", "highest mel frequency in Hz")
    n_mels: int = _opt(80, "mel bands")
    f0min: str = _opt("80", "lowest F0 in Hz")
    f0max: str = _opt("400", "highest F0 in Hz")

    # Text
    token_type: Literal["phn", "char", "bpe"] = _opt("phn", "token type")
    cleaner: str = _opt("tacotron", "text cleaner, or none")
    g2p: str = _opt("g2p_en", "grapheme to phoneme (token_type phn)")
    nbpe: int = _opt(200, "pieces of the sentencepiece model (token_type bpe)")
    lang: str = _opt("noinfo", "language of the corpus, for the record")
    nlsyms_txt: str = _opt("none", "list of non-linguistic symbols, or none")
    srctexts: str = _opt("", "texts that the token list is made from")
    oov: str = _opt("<unk>", "unknown token")
    blank: str = _opt("<blank>", "blank token")
    sos_eos: str = _opt("<sos/eos>", "token that starts and ends a sentence")

    # Sets
    train_set: str = _opt("", "training set (required)")
    valid_set: str = _opt("", "validation set (required)")
    test_sets: str = _opt("", "test sets (required)")

    # Training
    tts_task: Literal["tts", "gan_tts"] = _opt("tts", "ESPnet task")
    train_config: str = _opt("", "training configuration")
    train_args: str = _opt("", "training options that override it")
    from_voice: str = _opt(
        "", "also --from: train on from a voice: demo, a zip, an experiment, a hub id"
    )
    tag: str = _opt("", "name of the experiment")
    tts_exp: str = _opt("", "experiment directory, instead of a tag")
    tts_stats_dir: str = _opt("", "statistics directory")
    num_splits: int = _opt(1, "split the training set's lists in so many parts")
    teacher_dumpdir: str = _opt("", "<dir>/<set>/durations, or a teacher's output")
    write_collected_feats: bool = _opt(False, "keep the features of stage 6")
    text_fold_length: int = _opt(150, "fold length of text, in tokens")
    speech_fold_length: int = _opt(800, "fold length of speech, in frames")

    # Decoding
    inference_config: str = _opt("", "decoding configuration")
    inference_args: str = _opt("", "decoding options that override it")
    inference_tag: str = _opt("", "name of the decoding directory")
    inference_model: str = _opt("train.loss.ave.pth", "model file to decode with")
    vocoder_file: str = _opt("none", "vocoder file, none: Griffin-Lim")
    download_model: str = _opt("", "decode with this model of the zoo instead")
    versa_config: str = _opt("conf/versa.yaml", "stage 9 (only in tts.sh)")
    hf_repo: str = _opt("", "stage 11: user/name on the Hugging Face hub")

    # The plugin's own steps
    license: str = _opt("", "of the model, for its card: a hub's name, as cc-by-4.0")
    durations: Durations = _opt(
        "", "learned (before stage 6), given (--teacher_dumpdir) or none"
    )
    align_args: str = _opt("", "further options of espnet_prodiff.bin.align")
    distill_steps: str = _opt("", 'after stage 7, distil to these steps, e.g. "2 1"')
    distill_config: str = _opt("", "configuration of the distillation")
    distill_tag: str = _opt("", "name of the students, beside their number of steps")
    distill_args: str = _opt("", "further options of espnet_prodiff.bin.distill")
    evaluate: bool = _opt(False, "after stage 8, make the table and the plots")
    evaluate_args: str = _opt("", "further options of espnet_prodiff.bin.evaluate")

    @property
    def sets(self) -> list[str]:
        """Training, validation and test sets, each once."""
        names = [self.train_set, self.valid_set, *self.test_sets.split()]
        return list(dict.fromkeys(names))

    @property
    def training_sets(self) -> dict[str, str]:
        """Set by ESPnet's name of its role, "train" or "valid"."""
        return {"train": self.train_set, "valid": self.valid_set}

    @property
    def data_feats(self) -> Path:
        """Directory of the formatted data sets."""
        return Path(self.dumpdir) / self.feats_type

    @property
    def sampling_rate(self) -> int:
        """``fs`` in Hz."""
        text = self.fs.lower()
        return int(float(text[:-1]) * 1000) if text.endswith("k") else int(text)

    def org(self, name: str) -> Path:
        """Directory of a set before stage 4, which does not filter test sets."""
        is_filtered = name in (self.train_set, self.valid_set)
        return self.data_feats / ("org" if is_filtered else "") / name


def choices(kind: Any) -> tuple[str, ...]:
    """Return the values of a ``Literal`` type, none for another type."""
    return get_args(kind) if get_origin(kind) is Literal else ()
