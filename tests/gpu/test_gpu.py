"""Every model trains and speaks on a pretended GPU; who waits for it is counted."""

from collections import Counter

import pytest
import torch

from espnet_prodiff.inference.text2speech import Text2Speech
from espnet_prodiff.inference.wave_generator import WaveGenerator
from espnet_prodiff.training.distillation import DistillationObjective
from espnet_prodiff.training.moving_average import WeightAverage
from espnet_prodiff.training.task import DiffusionTTSTask
from espnet_prodiff.training.teacher import read_teacher
from tests.gpu.pretended_gpu import pretended_gpu
from tests.integration.tiny_models import write_model

CONFORMER = dict(encoder_type="conformer", conformer_enc_kernel_size=3)
NEWER = dict(
    conformer_rel_pos_type="latest",
    conformer_pos_enc_layer_type="rel_pos",
    conformer_self_attn_layer_type="rel_selfattn",
    zero_triu=True,
)
VOICES = dict(
    spks=4,
    langs=3,
    spk_embed_dim=8,
    use_gst=True,
    gst_tokens=4,
    gst_heads=2,
    gst_conv_layers=2,
    gst_conv_chans_list=[4, 4],
    gst_gru_units=8,
)
WAVEGRAD2 = dict(
    embed_dim=8,
    encoder_channels=8,
    encoder_conv_layers=1,
    predictor_channels=8,
    decoder_channels=[8, 8, 8, 4, 4],
    decoder_pre_channels=8,
    decoder_in_channels=4,
    window_frames=5,
    diffusion_steps=8,
    beta_start=1e-3,
    beta_end=0.5,
    mel_loss_weight=1.0,
)
SPECTRAL = dict(spectral_layers=2, spectral_channels=8, crop_frames=24, n_fft=1024)
MODELS = {
    "prodiff": ("prodiff", {}),
    "conformer": ("prodiff", CONFORMER),
    "newer conformer": ("prodiff", CONFORMER | NEWER),
    "voices": ("prodiff", VOICES),
    "diffwave": ("diffwave", {}),
    "wavegrad2": ("wavegrad2", WAVEGRAD2),
    "spectral_vocoder": ("spectral_vocoder", SPECTRAL),
    "direct": ("spectral_vocoder", SPECTRAL | dict(phase="direct")),
}
FRAMES, TOKENS = [12, 9, 26], [4, 3, 5]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of a model by its name in MODELS, written at the first use."""
    written = {}

    def get(name):
        if name not in written:
            tts, conf = MODELS[name]
            parts = {} if tts == "prodiff" else {"pitch_extract": None}
            parts |= {} if tts == "prodiff" else {"energy_extract": None}
            folder = tmp_path_factory.mktemp("models") / "model"
            written[name] = write_model(folder, tts, tts_conf=conf, **parts)
        return written[name]

    return get


@pytest.fixture
def gpu():
    with pretended_gpu() as pretended:
        yield pretended


def make_batch(name):
    """What ESPnet's loader gives, with pitch and energy collected in stage 6."""
    generator = torch.Generator().manual_seed(0)
    samples = [(frames - 1) * 256 + 3 for frames in FRAMES]
    pad = torch.nn.utils.rnn.pad_sequence
    rows = {
        "text": [torch.randint(3, 20, (n,), generator=generator) for n in TOKENS],
        "speech": [0.1 * torch.randn(n, generator=generator) for n in samples],
        "durations": [],
    }
    for frames, tokens in zip(FRAMES, TOKENS, strict=True):
        durations = torch.full((tokens + 1,), frames // (tokens + 1))
        durations[-1] += frames - durations.sum()
        rows["durations"].append(durations)
    if MODELS[name][0] == "prodiff":
        for part in ("pitch", "energy"):
            rows[part] = [torch.randn(n + 1, 1, generator=generator) for n in TOKENS]
    batch = {}
    for part, values in rows.items():
        batch[part] = pad(values, batch_first=True)
        batch[f"{part}_lengths"] = torch.tensor([len(value) for value in values])
    if name == "voices":
        batch["sids"] = batch["lids"] = torch.tensor([[1], [2], [1]])
        batch["spembs"] = torch.randn(3, 8, generator=generator)
    return batch


def waits(gpu):
    """Where the host waited in the package, and how often in ESPnet."""
    ours = [place for place in gpu.reads if " espnet/" not in place]
    return Counter(ours), len(gpu.reads) - len(ours)


def validate(gpu, model, batch):
    gpu.reads.clear()
    loss, stats, weight = model(**{k: v.to("cuda") for k, v in batch.items()})
    assert all(gpu.holds(value) for value in (loss, weight, *stats.values()))
    return loss


def update(gpu, model, batch):
    """Loss, gradients, optimizer and moving average."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
    average = WeightAverage(optimizer, 0.9)
    validate(gpu, model, batch).backward()
    optimizer.step()
    for parameter in model.parameters():
        assert gpu.holds(parameter)
        assert gpu.holds(average.of(parameter))
        assert parameter.grad is None or gpu.holds(parameter.grad)
    return waits(gpu)


@pytest.mark.parametrize("name", MODELS)
def test_an_update_waits_for_the_lengths_alone(files, gpu, name):
    model, _ = DiffusionTTSTask.build_model_from_file(*files(name))
    model.to("cuda").train()
    ours, espnets = update(gpu, model, make_batch(name))
    # Before the first product: the lengths, and where WaveGrad 2's texts are padding.
    assert len(ours) == sum(ours.values()) == (2 if name == "wavegrad2" else 1), ours
    assert any("padding.py" in place for place in ours)
    assert espnets == 1  # the lengths, for its mask of the mels
    with torch.no_grad():  # no padding beside a style reference or a legacy encoder
        validate(gpu, model.eval(), make_batch(name))
    assert sum(waits(gpu)[0].values()) <= (4 if name in ("conformer", "voices") else 2)


@pytest.mark.parametrize("name", ["prodiff", "diffwave", "wavegrad2"])
@pytest.mark.parametrize("method", ["progressive", "consistency"])
def test_a_student_waits_no_more_than_its_teacher(files, gpu, name, method):
    config, weights = files(name)
    model, _ = DiffusionTTSTask.build_model_from_file(config, weights)
    tts = model.to("cuda").tts
    tts.train_denoiser_only()
    teacher = read_teacher(weights, 4)
    steps = 2 if method == "progressive" else 1
    tts.sampling_times.set_distilled(torch.linspace(4, 0, steps + 1).tolist())
    tts.objective = DistillationObjective(
        teacher,
        lambda record: (
            DiffusionTTSTask.build_model_from_file(
                record.config_file, record.model_file
            )[0].tts
        ),
        tts,
        method,
        "l2",
        "snr_plus_one",
    )
    model.train()
    update(gpu, model, make_batch(name))  # loads the teacher
    ours, espnets = update(gpu, model, make_batch(name))
    # WaveGrad 2's encoder runs twice, as its teacher's.
    assert sum(ours.values()) == (2 if name == "wavegrad2" else 1), ours
    assert espnets == 1


@pytest.mark.parametrize("name", ["prodiff", "conformer", "wavegrad2"])
def test_speaking_waits_no_more_for_more_steps(files, gpu, name):
    speak = Text2Speech(*files(name), device="cuda", vocoder_file="none")
    places = []
    for steps in (2, 4):
        gpu.reads.clear()
        output = speak("hello there", seed=1, num_steps=steps)
        assert gpu.holds(output["wav"])
        places.append([place for place in gpu.reads if "mel_inversion" not in place])
    assert len(places[0]) == len(places[1]) <= 7, places
    exact = Text2Speech(*files(name), vocoder_file="none")
    expected = exact("hello there", seed=1, num_steps=4)
    key = "wav" if name == "wavegrad2" else "feat_gen"
    torch.testing.assert_close(output[key].cpu(), expected[key], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["diffwave", "spectral_vocoder", "direct"])
def test_a_vocoder_waits_no_more_for_more_steps(files, gpu, name):
    vocoder = WaveGenerator(files(name)[1], device="cuda")
    mel = torch.randn(20, 80, device="cuda") - 2
    for options in [{}] if name != "diffwave" else [{"num_steps": 2}, {"num_steps": 6}]:
        gpu.reads.clear()
        assert gpu.holds(vocoder(mel, **options))
        inversion = ("mel_inversion", "phase_integration")
        ours = [p for p in gpu.reads if not any(name in p for name in inversion)]
        assert len(ours) == 1  # finite?


def test_what_a_real_gpu_refuses_is_refused(gpu):
    there, here = torch.zeros(3, device="cuda"), torch.zeros(3)
    with pytest.raises(RuntimeError, match="on cuda and on the CPU"):
        there + here
    with pytest.raises(RuntimeError, match="generator of cpu"):
        torch.randn(3, device="cuda", generator=torch.Generator())
    assert gpu.holds(there * torch.tensor(2.0))  # one number may lie on the CPU
    assert not gpu.reads
    assert float(there.sum()) == 0 and there.tolist() and not there[there > 0].numel()
    assert len(gpu.reads) == 3
