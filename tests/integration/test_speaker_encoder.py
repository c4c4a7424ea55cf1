"""Speaker embeddings by a (tiny, untrained) speaker model of ESPnet."""

import kaldiio
import librosa
import numpy as np
import pytest
import soundfile
import torch
from espnet2.bin.spk_inference import Speech2Embedding
from espnet2.tasks.spk import SpeakerTask
from espnet2.utils.yaml_no_alias_safe_dump import yaml_no_alias_safe_dump

from espnet_prodiff.errors import CheckpointError, ConfigError, UserError
from espnet_prodiff.inference.speaker_encoder import SpeakerEncoder
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.spk_embed import write_embeddings

CONFIG = {
    "frontend": "melspec_torch",
    "frontend_conf": {"n_mels": 20},
    "encoder": "ecapa_tdnn",
    "encoder_conf": {"ndim": 16, "output_size": 24},
    "pooling": "stats",
    "pooling_conf": {},
    "projector": "xvector",
    "projector_conf": {"output_size": 7},
    "loss": "softmax",
    "loss_conf": {},
    "spk_num": 3,
    "sample_rate": 16000,
}


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spk")
    config = {**SpeakerTask.get_default_config(), **CONFIG}
    (folder / "config.yaml").write_text(yaml_no_alias_safe_dump(config))
    torch.manual_seed(0)
    model, _ = SpeakerTask.build_model_from_file(folder / "config.yaml", None, "cpu")
    torch.save(model.state_dict(), folder / "model.pth")
    return folder / "model.pth"


def voice(pitch, fs, seconds=1.5):
    time = np.arange(int(fs * seconds)) / fs
    return sum(0.2 / k * np.sin(2 * np.pi * pitch * k * time) for k in range(1, 8))


def test_embedding_is_espnets_own(model_file, tmp_path):
    wav = voice(130, 16000)
    encode = SpeakerEncoder(model_file)
    ours = encode(wav)
    espnet = Speech2Embedding(model_file.with_name("config.yaml"), model_file)
    theirs = espnet(wav.astype(np.float32))[0].numpy()
    assert ours.shape == (7,)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    # A file of another rate is heard at the model's.
    soundfile.write(tmp_path / "a.wav", voice(130, 48000), 48000, subtype="FLOAT")
    heard = encode(tmp_path / "a.wav")
    resampled = encode(
        librosa.resample(voice(130, 48000), orig_sr=48000, target_sr=16000)
    )
    np.testing.assert_allclose(heard, resampled, rtol=1e-3, atol=1e-4)


def test_what_is_no_speaker_model_is_refused(model_file, tmp_path):
    (tmp_path / "config.yaml").write_text("tts: prodiff\n")
    with pytest.raises(ConfigError, match="no speaker model .*lacks encoder, pooling"):
        SpeakerEncoder(tmp_path / "model.pth")
    config = model_file.with_name("config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(config)
    torch.save({"x": torch.zeros(1)}, tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match="does not fit"):
        SpeakerEncoder(tmp_path / "model.pth")


def test_stage_3_computes_embeddings(model_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = Options(
        train_set="tr",
        valid_set="tr",
        test_sets="",
        use_spk_embed=True,
        spk_embed_model=str(model_file),
        min_wav_duration=0.0,
    )
    folder = options.org("tr")
    folder.mkdir(parents=True)
    wavs = {name: voice(pitch, 22050) for name, pitch in (("a", 100), ("b", 180))}
    for name, wav in wavs.items():
        soundfile.write(tmp_path / f"{name}.wav", wav, 22050)
    (folder / "wav.scp").write_text("a a.wav\nb b.wav\n")
    (folder / "spk2utt").write_text("ann a b\n")
    write_embeddings(options)
    place = tmp_path / "dump" / "espnet_spk" / "tr"
    vectors = kaldiio.load_scp(str(place / "espnet_spk.scp"))
    encode = SpeakerEncoder(model_file)
    for name in wavs:
        np.testing.assert_allclose(
            vectors[name], encode(tmp_path / f"{name}.wav"), rtol=1e-5
        )
    mean = kaldiio.load_scp(str(place / "spk_espnet_spk.scp"))["ann"]
    np.testing.assert_allclose(mean, (vectors["a"] + vectors["b"]) / 2, rtol=1e-5)
    with pytest.raises(UserError, match="speaker model of ESPnet, .*--spk_embed_mode"):
        write_embeddings(Options(**{**vars(options), "spk_embed_model": "nobody/x"}))
