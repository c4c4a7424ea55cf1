"""A packed voice: words in, the same speech as the model's from phones."""

import lzma
import zipfile

import pytest
import torch
import yaml
from espnet2.tts.prodiff import ProDiff as BuiltinProDiff

from espnet_prodiff import Text2Speech
from espnet_prodiff.errors import ConfigError, TextError
from espnet_prodiff.inference.builtin_vocoder import BuiltinVocoder
from espnet_prodiff.inference.letter_to_sound import LetterToSound
from espnet_prodiff.inference.packing import pack_voice
from espnet_prodiff.inference.wave_generator import WaveGenerator
from tests.integration.tiny_models import write_model

TOKENS = ["<blank>", "<unk>", "k", "ae1", "t", "d", "ao1", "g", ",", ".", "<sos/eos>"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voice")
    write_model(
        folder, token_list=TOKENS, token_type="phn", output_dir=str(folder), seed=2
    )
    lines = b"cat k ae1 t\ndog d ao1 g\n"
    lines += b"".join(b"%c k\n" % letter for letter in b"abcdefghijklmnopqrstuvwxyz")
    (folder / "lexicon.xz").write_bytes(lzma.compress(lines))
    LetterToSound(["k", "ae1", "t"], channels=4, layers=1).save(folder / "guess.pth")
    (folder / "card.md").write_text("# Tiny\n", encoding="utf-8")
    (folder / "spk2sid").write_text("<unk> 0\nann 1\nzoe 2\n", encoding="utf-8")
    return folder


def pack(folder, name, **options):
    files = {"lexicon": "lexicon.xz", "letter_to_sound": "guess.pth"}
    files |= {"card": "card.md", "speakers": "spk2sid"}
    files = {key: folder / file for key, file in files.items()}
    pack_voice(model_of(folder), folder / name, **{**files, **options})
    return folder / name


def model_of(folder):
    return next(f for f in folder.glob("*.pth") if f.name != "guess.pth")


def test_words_sound_as_their_phones_do(folder, tmp_path):
    voice = pack(folder, "a.zip", dtype="float32")
    packed = Text2Speech.from_pretrained(str(voice), cachedir=tmp_path)
    plain = Text2Speech(model_file=model_of(folder))
    spoken = packed("Cat, dog", seed=1)["wav"]
    assert torch.equal(spoken, plain("k ae1 t , d ao1 g .", seed=1)["wav"])
    half = pack(folder, "b.zip")
    wav = Text2Speech.from_pretrained(str(half), cachedir=tmp_path)("cat, dog", seed=1)
    close = wav["feat_gen"] - plain("k ae1 t , d ao1 g .", seed=1)["feat_gen"]
    assert 0 < close.abs().max() < 0.05
    with pytest.raises(TextError, match="'\u6c34'"):
        packed("cat \u6c34")


def test_what_is_in_the_zip(folder):
    voice = pack(folder, "c.zip")
    assert voice.read_bytes() == pack(folder, "d.zip").read_bytes()
    with zipfile.ZipFile(voice) as archive:
        config = yaml.safe_load(archive.read("config.yaml"))
        assert archive.read("README.md") == b"# Tiny\n"
        with archive.open("model.pth") as file:
            weights = torch.load(file, weights_only=True)
    assert config["speakers"] == {"ann": 1, "zoe": 2}
    assert config["g2p"] == "espnet_prodiff_lexicon"
    assert str(folder) not in yaml.safe_dump(config)
    assert {v.dtype for v in weights.values() if v.is_floating_point()} == {
        torch.float16
    }


def test_a_vocoder_in_the_pack_is_the_voice_s_own(folder, tmp_path):
    no_prosody = {"pitch_extract": None, "energy_extract": None}
    write_model(tmp_path / "vocoder", "diffwave", **no_prosody)
    pack_voice(tmp_path / "vocoder" / "valid.loss.best.pth", tmp_path / "vocoder.zip")
    voice = pack(folder, "f.zip", vocoder=tmp_path / "vocoder.zip")
    own = Text2Speech.from_pretrained(str(voice), cachedir=tmp_path / "cache")
    assert isinstance(own.vocoder, WaveGenerator)
    builtin = Text2Speech.from_pretrained(
        str(voice), cachedir=tmp_path / "cache", vocoder_file="none"
    )
    assert isinstance(builtin.vocoder, BuiltinVocoder)
    assert own("cat", seed=1, vocoder_num_steps=2)["wav"].isfinite().all()


def test_espnet_alone_names_the_plugin(folder):
    with zipfile.ZipFile(pack(folder, "g.zip")) as archive:
        config = yaml.safe_load(archive.read("config.yaml"))
        meta = yaml.safe_load(archive.read("meta.yaml"))
    assert config["tts"] == "prodiff"
    with pytest.raises(TypeError, match="unexpected keyword argument 'espnet_prodiff'"):
        BuiltinProDiff(idim=11, odim=80, **config["tts_conf"])
    assert meta["needs"] == "pip install espnet_prodiff"


def test_other_files_and_a_language_of_espeak(folder):
    voice = pack(
        folder,
        "h.zip",
        lexicon=None,
        letter_to_sound=None,
        espeak_language="de",
        others={"sample_1.flac": folder / "card.md"},
    )
    with zipfile.ZipFile(voice) as archive:
        config = yaml.safe_load(archive.read("config.yaml"))
        assert archive.read("sample_1.flac") == b"# Tiny\n"
        assert "lexicon.txt.xz" not in archive.namelist()
    assert config["g2p"] == "espnet_prodiff_espeak"
    assert config["g2p_conf"] == {"language": "de"}
    with pytest.raises(ConfigError, match="a lexicon or a language of espeak"):
        pack(folder, "i.zip", espeak_language="de")


def test_half_a_g2p_is_refused(folder):
    with pytest.raises(ConfigError, match="a lexicon and a letter_to_sound"):
        pack(folder, "e.zip", lexicon=None)
    assert not (folder / "e.zip").exists()
