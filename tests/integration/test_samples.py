"""Sentences that are spoken and drawn while a model is trained."""

import numpy as np
import pytest
import soundfile
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from espnet_prodiff.fileio.checkpoint import load_weights
from espnet_prodiff.training import samples
from espnet_prodiff.training.samples import Samples, speak
from espnet_prodiff.training.task import DiffusionTTSTask
from tests.integration.conftest import DIFFWAVE, TEACHER
from tests.integration.corpus import FS, HOP, train, train_options, without_durations

VOCODERS = (DIFFWAVE, "conf/debug/train_spectral_vocoder.yaml")
PLOT = ["--num_att_plot", "2"]


def weights(exp):
    return load_weights(exp / "valid.loss.best.pth")


@pytest.mark.parametrize(
    "config",
    [
        TEACHER,
        "conf/debug/train_wavegrad2.yaml",
        *VOCODERS,
        "conf/debug/train_spectral_vocoder_gan.yaml",
    ],
)
def test_every_model_is_seen_and_heard(corpus, tmp_path, config):
    from espnet_prodiff.bin.tts_train import main

    options = train_options(corpus, config, tmp_path)
    if "prodiff" not in config:
        drop = {"--pitch_extract_conf", "--energy_extract_conf"}
        drop |= {"--pitch_normalize_conf", "--energy_normalize_conf"}
        pairs = zip(options[::2], options[1::2], strict=True)
        options = [word for pair in pairs if pair[0] not in drop for word in pair]
    if "diffwave" in config or "vocoder" in config:
        options = without_durations(options)
    main([*options, *PLOT, "--max_epoch", "1"])
    folder = tmp_path / "samples"
    assert sorted(path.name for path in folder.iterdir()) == ["u0", "u1"]
    for utt in ("u0", "u1"):
        names = {path.name for path in (folder / utt).iterdir()}
        assert names == {"epoch0001.png", "epoch0001.ogg", "reference.ogg"}
    heard, fs = soundfile.read(folder / "u1" / "reference.ogg")
    recorded, _ = soundfile.read(corpus / "wav" / "u1.wav")
    assert fs == FS and len(heard) == len(recorded)
    assert np.abs(heard - recorded).mean() < 0.1 * np.abs(recorded).mean()
    spoken, fs = soundfile.read(folder / "u1" / "epoch0001.ogg")
    assert fs == FS and len(spoken) >= HOP and np.isfinite(spoken).all()
    events = EventAccumulator(str(tmp_path / "tensorboard" / "train")).Reload()
    assert set(events.Tags()["images"]) == {"samples/u0", "samples/u1"}
    assert set(events.Tags()["audio"]) == {"samples/u0", "samples/u1"}


def test_samples_leave_the_training_as_it_was(corpus, teacher, tmp_path):
    seen = weights(train(corpus, TEACHER, tmp_path / "seen", *PLOT))
    unseen = weights(teacher)
    assert all(torch.equal(seen[name], unseen[name]) for name in unseen)
    assert not (teacher / "samples").exists()


def test_what_is_shown_is_the_recording_and_the_models_own_speech(corpus, teacher):
    model, args = DiffusionTTSTask.build_model_from_file(
        None, teacher / "valid.loss.best.pth"
    )
    wav, _ = soundfile.read(corpus / "wav" / "u2.wav", dtype="float32")
    line = (corpus / "durations").read_text().splitlines()[2]
    durations = torch.tensor([int(x) for x in line.split()[1:]])
    text = torch.tensor([args.token_list.index(c) for c in "add"])
    batch = {"text": text, "speech": torch.from_numpy(wav), "durations": durations}
    batch = {name: value[None] for name, value in batch.items()}
    reference, predicted = speak(model.eval(), batch)
    assert reference.durations.tolist() == durations.tolist()
    assert len(reference.mel) == durations.sum()
    voiced = reference.f0[reference.f0 > 0]
    assert np.median(voiced) == pytest.approx(120 + 40 * 2, abs=2)
    # A tone of amplitude .3 and its level in the loudest bin of the mel.
    assert -30 < reference.mel.max() < 40
    assert len(predicted.durations) == len(text) + 1
    assert len(predicted.mel) == predicted.durations.sum()
    assert len(predicted.wav) == pytest.approx(len(predicted.mel) * HOP, abs=HOP)
    again = speak(model, batch)[1]
    assert np.array_equal(again.wav, predicted.wav)


def test_samples_take_their_share_of_the_time(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(samples.time, "perf_counter", lambda: clock[0])
    share = Samples()
    assert share.are_due()
    clock[0], share.spent = 100.0, 2.1
    assert not share.are_due()
    clock[0] = 106.0
    assert share.are_due()


def test_a_sample_that_fails_does_not_end_the_training(tmp_path, monkeypatch, caplog):
    def fail(model, batch):
        raise RuntimeError("no memory")

    monkeypatch.setattr(samples, "speak", fail)
    state = torch.random.get_rng_state()
    Samples().show(None, [(["u7"], {})], tmp_path, 1, "cpu")
    assert "no sample of u7: no memory" in caplog.text
    assert torch.equal(torch.random.get_rng_state(), state)
    assert list(tmp_path.iterdir()) == []
