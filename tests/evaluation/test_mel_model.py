"""Mels from models: ESPnet's own classes, ours, and stand-ins with known mels."""

import numpy as np
import pytest
import torch
from espnet2.layers.global_mvn import GlobalMVN
from espnet2.tts.espnet_model import ESPnetTTSModel
from espnet2.tts.feats_extract.dio import Dio
from espnet2.tts.feats_extract.energy import Energy
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank
from espnet2.tts.prodiff import ProDiff as BuiltinProDiff

from espnet_prodiff.errors import DataError, UserError
from espnet_prodiff.evaluation.mel_inputs import MelInputs
from espnet_prodiff.evaluation.mel_model import MelModel
from espnet_prodiff.evaluation.score_mels import score_models
from espnet_prodiff.prodiff import ProDiff

FS, HOP, N_MELS, VOCABULARY = 16000, 256, 20, 8
SIZES = dict(
    adim=8,
    aheads=2,
    elayers=1,
    eunits=16,
    duration_predictor_chans=8,
    pitch_predictor_chans=8,
    energy_predictor_chans=8,
    denoiser_layers=2,
    denoiser_channels=8,
)


def make_model(tts, tmp_path, shift=0.0):
    stats = tmp_path / f"stats{shift}.npz"
    count = np.array(10.0)
    mean, var = np.full(N_MELS, -3.0 + shift), np.full(N_MELS, 4.0)
    np.savez(stats, count=count, sum=mean * count, sum_square=(var + mean**2) * count)
    torch.manual_seed(1)
    return ESPnetTTSModel(
        feats_extract=LogMelFbank(fs=FS, hop_length=HOP, n_mels=N_MELS),
        pitch_extract=Dio(fs=FS, hop_length=HOP, reduction_factor=1),
        energy_extract=Energy(fs=FS, hop_length=HOP, reduction_factor=1),
        normalize=GlobalMVN(stats),
        pitch_normalize=None,
        energy_normalize=None,
        tts=tts,
    ).eval()


@pytest.fixture
def inputs():
    durations = torch.tensor([7, 5, 9, 4])
    t = torch.arange((int(durations.sum()) - 1) * HOP + 100) / FS
    noise = torch.randn(len(t), generator=torch.Generator().manual_seed(0))
    speech = 0.3 * torch.sin(2 * torch.pi * 200 * t) + 0.01 * noise
    return MelInputs("u1", torch.tensor([2, 3, 4]), speech, durations, {})


@pytest.fixture
def ours(tmp_path):
    torch.manual_seed(0)
    tts = ProDiff(idim=VOCABULARY, odim=N_MELS, diffusion_steps=4, **SIZES)
    for p in tts.denoiser.parameters():  # a zero output would hide the noise
        torch.nn.init.normal_(p, std=0.3)
    return make_model(tts, tmp_path)


@pytest.fixture
def builtin(tmp_path):
    torch.manual_seed(0)
    tts = BuiltinProDiff(idim=VOCABULARY, odim=N_MELS, diffusion_steps=3, **SIZES)
    return make_model(tts, tmp_path)


def test_our_samples_are_those_of_inference(ours, inputs):
    model = MelModel(ours, "ours", num_steps=2)
    samples = model.sample_mels(inputs, [3, 4])
    assert samples.shape == (2, 25, N_MELS)
    for seed, sample in zip((3, 4), samples, strict=True):
        expected = ours.tts.inference(
            inputs.text,
            durations=inputs.durations,
            use_teacher_forcing=True,
            num_steps=2,
            seed=seed,
        )["feat_gen"]
        np.testing.assert_array_equal(sample, expected.numpy())
    assert np.abs(samples[0] - samples[1]).mean() > 0.01


@pytest.mark.parametrize("name", ["ours", "builtin"])
def test_true_pitch_and_energy_are_those_of_espnet(name, inputs, request):
    model = request.getfixturevalue(name)
    sample = MelModel(model, name).sample_mels(inputs, [5], variance="true")[0]
    options = {"seed": 5} if name == "ours" else {}
    torch.manual_seed(5)
    expected = model.inference(
        inputs.text,
        speech=inputs.speech,
        durations=inputs.durations,
        use_teacher_forcing=True,
        **options,
    )["feat_gen"]
    np.testing.assert_array_equal(sample, expected.detach().numpy())


def test_the_builtin_predicts_pitch_and_energy_and_repeats(builtin, inputs):
    model = MelModel(builtin, "builtin")
    state = torch.get_rng_state()
    first, second = (model.sample_mels(inputs, [1, 2]) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_array_equal(first, second)
    assert np.abs(first[0] - first[1]).mean() > 0
    free = builtin.tts.inference(inputs.text)
    torch.manual_seed(2)
    expected = builtin.tts.inference(
        inputs.text,
        durations=inputs.durations,
        pitch=free["pitch"],
        energy=free["energy"],
        use_teacher_forcing=True,
    )["feat_gen"]
    np.testing.assert_array_equal(first[1], expected.numpy())


def test_the_recording_is_normalised_and_back(ours, inputs):
    model = MelModel(ours, "ours")
    raw = ours.feats_extract(inputs.speech[None])[0][0]
    mel = model.recorded_mel(inputs)
    torch.testing.assert_close(mel, (raw + 3.0) / 2.0)
    torch.testing.assert_close(model.denormalise(mel), raw)


def test_bad_models_and_inputs_are_named(ours, builtin, inputs, tmp_path):
    model = MelModel(ours, "ours")
    with pytest.raises(DataError, match="'x'.*fixed in training .3., 2 can"):
        MelModel(builtin, "x", num_steps=2)
    assert MelModel(builtin, "x", num_steps=3).num_steps == 3
    short = MelInputs("u1", inputs.text[:2], inputs.speech, inputs.durations, {})
    with pytest.raises(DataError, match="u1: 4 durations for 2 tokens and eos"):
        model.sample_mels(short, [0])
    cut = MelInputs("u1", inputs.text, inputs.speech[:-HOP], inputs.durations, {})
    with pytest.raises(DataError, match="u1: its durations sum to 25.* has 24"):
        model.recorded_mel(cut)
    with pytest.raises(UserError, match="predicted, true"):
        model.sample_mels(inputs, [0], variance="none")
    other = MelModel(make_model(builtin.tts, tmp_path, shift=1.0), "other")
    assert model.same_features(MelModel(builtin, "same"))
    with pytest.raises(DataError, match="'ours' and 'other' have different"):
        score_models([model, other], [inputs], [0])


class Standin:
    """Samples the truth scaled by ``gain`` plus seeded noise."""

    shares_noise = True

    def __init__(self, name, truth, gain=1.0, noise=0.0, same_noise=True):
        self.name, self.truth, self.gain, self.noise = name, truth, gain, noise
        self.shares_noise = same_noise

    def recorded_mel(self, inputs):
        return torch.from_numpy(self.truth[inputs.utt])

    def same_features(self, other):
        return True

    def sample_mels(self, inputs, seeds, variance):
        truth = self.truth[inputs.utt]
        noise = [np.random.default_rng(s).normal(size=truth.shape) for s in seeds]
        return self.gain * truth + self.noise * np.stack(noise)


def test_scores_of_known_samples():
    rng = np.random.default_rng(9)
    truth = {u: rng.normal(size=(400, 6)) for u in ("a", "b")}
    models = [
        Standin("noisy", truth, 1.0, 0.2),
        Standin("half as noisy", truth, 1.0, 0.1),
        Standin("exact", truth),
        Standin("blurred", truth, 0.5, same_noise=False),
    ]
    inputs = [MelInputs(u, None, None, None, {}) for u in truth]
    scores = score_models(models, inputs, [0, 1, 2, 3])
    noisy, half, exact, blurred = (scores[m.name] for m in models)
    absolute = np.sqrt(2 / np.pi)  # E|N(0, 1)|
    for utt in truth:
        assert exact["mel_l1"][utt] == 0
        assert exact["variance_ratio"][utt] == pytest.approx(1)
        assert exact["spread"][utt] == 0
        assert noisy["mel_l1"][utt] == pytest.approx(0.2 * absolute, rel=0.03)
        c4 = 0.9213  # of the standard deviation of 4 normal samples
        assert noisy["spread"][utt] == pytest.approx(0.2 * c4, rel=0.03)
        assert noisy["distance"][utt] == 0
        assert half["distance"][utt] == pytest.approx(0.1 * absolute, rel=0.03)
        assert exact["distance"][utt] == pytest.approx(noisy["mel_l1"][utt])
        assert blurred["variance_ratio"][utt] == pytest.approx(0.25)
    assert blurred["distance"] == {}
    assert exact["ndb"] == {f"seed {s}": 0 for s in range(4)}
    assert max(exact["jsd"].values()) == pytest.approx(0, abs=1e-9)
    assert min(blurred["jsd"].values()) > 0.01
