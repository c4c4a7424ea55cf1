"""The model card of a packed voice: what it is, how it was made, what it is worth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet_prodiff import __version__
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.inference.voices import FOLDER
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.prepare.recipe_files import CORPUS, read_corpus

CARD = "README.md"
NUM_SAMPLES = 3
NAMED = 20  # speakers
PLACE = "THIS_FILE.zip"  # until it has a place on the hub
TAGS = ("espnet", "espnet_prodiff", "text-to-speech", "audio")
WHAT = {
    "prodiff": "ProDiff (text to mel)",
    "wavegrad2": "WaveGrad 2 (text to wave)",
    "diffwave": "DiffWave (mel to wave)",
    "spectral_vocoder": "a spectral vocoder (mel to wave)",
}
SPEAKS = {"prodiff", "wavegrad2"}
BUILTIN = "the built-in one of espnet_prodiff (Griffin-Lim that keeps the mel)"


def model_card(
    options: Options, config: Mapping[str, Any], utterances: Sequence[str]
) -> str:
    """Return the card of the model in ``tts_exp``.

    Args:
        options: Of the recipe.
        config: Of the training.
        utterances: Of the samples, in their order.
    """
    steps = (config.get("tts_conf") or {}).get("num_steps")
    what = WHAT[config["tts"]]
    what += f", {steps} sampling step{'s' * (steps > 1)}" if steps else ""
    licence = options.license or "not stated: ask who made it before you use it"
    lines = [
        *_front_matter(options),
        f"# {card_name(options)}",
        "",
        f"{what}, trained with espnet_prodiff {__version__}, a plugin of ESPnet2.",
        "ESPnet alone cannot load it: `pip install espnet_prodiff`, and in Python",
        "`import espnet_prodiff.training.task` before ESPnet's own `Text2Speech`.",
        "",
        f"- Licence: {licence}",
        f"- Language: {options.lang}",
        *_data(options),
        *_contract(options, config),
        "",
        "## Use it",
        "",
        *_commands(options, config),
        "",
        *_samples(options, utterances),
        *_results(options),
        "## Limits",
        "",
        *_limits(options, config),
        *_lexicon_licence(),
    ]
    return "\n".join(lines) + "\n"


def card_name(options: Options) -> str:
    """Return the name of a voice: its repository's, its corpus's or its training's."""
    if options.hf_repo:
        return options.hf_repo.split("/")[-1]
    return Path.cwd().name if Path(CORPUS).exists() else Path(options.tts_exp).name


def _front_matter(options: Options) -> list[str]:
    """Return what the hub reads: https://huggingface.co/docs/hub/model-cards."""
    lines = ["---"]
    if options.lang not in ("", "noinfo"):
        lines.append(f"language: {options.lang.split('-')[0]}")
    lines += [f"license: {options.license}"] if options.license else []
    lines += ["library_name: espnet", "pipeline_tag: text-to-speech", "tags:"]
    return [*lines, *(f"- {tag}" for tag in TAGS), "---", ""]


def _data(options: Options) -> list[str]:
    lengths = read_table(options.org(options.train_set) / "utt2num_samples")
    minutes = sum(map(int, lengths.values())) / options.sampling_rate / 60
    names = _speakers(options)
    who = f"{len(names)} speaker{'s' * (len(names) > 1)}"
    if options.use_sid:
        more = " ..." if len(names) > NAMED else ""
        who += f" (`--speaker`): {', '.join(names[:NAMED])}{more}"
    return [f"- Data: {len(lengths)} utterances, {minutes:.1f} minutes, {who}"]


def _speakers(options: Options) -> list[str]:
    return sorted(set(read_table(options.org(options.train_set) / "utt2spk").values()))


def _contract(options: Options, config: Mapping[str, Any]) -> list[str]:
    if config["tts"] == "wavegrad2":
        return [f"- Sampling rate: {options.sampling_rate} Hz"]
    from espnet_prodiff.inference.mel_contract import MelContract  # ESPnet

    x = MelContract.of_config(config)
    mels = (
        f"- Mels: {x.n_mels} bands of {x.fmin:g} to {x.fmax:g} Hz, {x.fs} Hz, "
        f"FFT {x.n_fft}, hop {x.hop_length}, log base {x.log_base}"
    )
    if config["tts"] != "prodiff":
        return [mels]
    packed = options.vocoder_file.endswith(".zip")
    vocoder = "vocoder.zip, of the same mels" if packed else BUILTIN
    return [mels, f"- Vocoder: {vocoder}"]


def _commands(options: Options, config: Mapping[str, Any]) -> list[str]:
    place = options.hf_repo or PLACE
    if config["tts"] not in SPEAKS:
        return [
            "    pip install espnet_prodiff",
            "    espnet-prodiff say 'Hello.' -o hello.wav --model VOICE "
            f"--vocoder {place}",
        ]
    voice = place + (f" --speaker {_speakers(options)[0]}" if options.use_sid else "")
    return [
        "    pip install espnet_prodiff",
        f"    espnet-prodiff say 'Hello.' -o hello.wav --model {voice}",
        f"    espnet-prodiff say -f story.txt -o story.flac --model {voice}",
    ]


def _samples(options: Options, utterances: Sequence[str]) -> list[str]:
    if not utterances:
        return []
    folder = Path("data") / options.test_sets.split()[0]
    given = folder / ("sentences" if (folder / "sentences").exists() else "text")
    texts = read_table(given) if given.exists() else {}
    lines = ["## Samples", "", "Sentences that no training has seen:", ""]
    for number, utterance in enumerate(utterances, 1):
        text = texts.get(utterance, utterance)
        lines.append(f"- [sample_{number}.flac](sample_{number}.flac): {text}")
    return [*lines, ""]


def _results(options: Options) -> list[str]:
    file = Path(options.tts_exp) / "results" / "results.md"
    if not file.exists():
        return []
    report = file.read_text(encoding="utf-8")
    first = report.partition("\n## ")[2].partition("\n## ")[0]
    title, _, table = first.partition("\n")
    return [f"## Measured: {title}", "", table.strip(), ""]


def _limits(options: Options, config: Mapping[str, Any]) -> list[str]:
    text = (
        "It knows the speakers, the language and the way of reading of its data, and "
        "nothing else; what it says of names and foreign words is a guess. The figures "
        f"are of the sentences of {options.test_sets} alone, without listeners."
    )
    epochs, updates = config.get("max_epoch"), config.get("num_iters_per_epoch")
    if epochs and updates:
        text += f" Its last training had {epochs * updates} updates."
    return [text, ""]


def _lexicon_licence() -> list[str]:
    """Return the notice that must go with the package's lexicon."""
    if not Path(CORPUS).exists() or "lexicon" not in read_corpus(Path(".")).g2p_conf:
        return []
    card = (FOLDER / "slt.md").read_text(encoding="utf-8")
    quoted = card.partition("## Licence")[2]
    notice = [line for line in quoted.splitlines() if line.startswith(">")]
    head = "lexicon.txt.xz and letter_to_sound.pth are derived from flite's lexicon "
    head += "and Debian's wamerican, whose terms are:"
    return ["## Licence of the lexicon", "", head, "", *notice]
