from pathlib import Path

import pytest
import torch
import yaml
from espnet2.gan_tts.jets.loss import VarianceLoss

from espnet_prodiff.diffusion import diffusion_loss
from espnet_prodiff.prodiff import ProDiff
from espnet_prodiff.prodiff.loss import l1_ssim_error
from tests.prodiff.factory import IDIM, ODIM, make_batch, make_prodiff

EXTRAS = {
    "plain": ({}, {}),
    "speakers": (dict(spks=4), dict(sids=torch.tensor([[1], [2], [3]]))),
    "languages": (dict(langs=3), dict(lids=torch.tensor([[1], [2], [0]]))),
    "x-vector": (dict(spk_embed_dim=6), dict(spembs=torch.randn(3, 6))),
    "x-vector, concatenated": (
        dict(spk_embed_dim=6, spk_embed_integration_type="concat"),
        dict(spembs=torch.randn(3, 6)),
    ),
    "style": (
        dict(
            use_gst=True,
            gst_conv_layers=2,
            gst_conv_chans_list=(4, 4),
            gst_gru_units=8,
            gst_heads=2,
        ),
        {},
    ),
    "conformer": (
        dict(
            encoder_type="conformer",
            conformer_rel_pos_type="latest",
            conformer_enc_kernel_size=3,
        ),
        {},
    ),
    "legacy conformer": (
        dict(encoder_type="conformer", conformer_enc_kernel_size=3),
        {},
    ),
}


@pytest.fixture(params=EXTRAS, name="case")
def _case(request):
    options, inputs = EXTRAS[request.param]
    return make_prodiff(**options), make_batch(**inputs)


def without_lengths(batch, i):
    """Arguments of inference for utterance i, cut to its length."""
    named = {}
    for name in ("text", "feats", "durations", "pitch", "energy"):
        named[name] = batch[name][i, : batch[f"{name}_lengths"][i]]
    for name in ("spembs", "sids", "lids"):
        if name in batch:
            named[name] = batch[name][i]
    return named


def test_every_parameter_gets_a_gradient(case):
    model, batch = case
    loss, stats, weight = model(**batch)
    loss.backward()
    assert weight == 3
    assert {"loss", "diffusion_loss", "duration_loss"} <= set(stats)
    dead = [n for n, p in model.named_parameters() if p.grad is None]
    assert dead == []


def fixed_objective(denoiser, mel, cond, mask, generator, batch):
    """The teacher's loss with times and noise that an utterance keeps in any batch."""
    noise = torch.zeros_like(mel)
    for row, length in zip(noise, batch["mel_lengths"].tolist(), strict=True):
        drawn = torch.Generator().manual_seed(length)
        row[:, :length] = torch.randn(len(row), length, generator=drawn)
    t = batch["mel_lengths"] % 4 + 1
    return diffusion_loss(
        denoiser, mel, cond, mask, distance=l1_ssim_error, t=t, noise=noise
    )


def test_padding_does_not_change_the_loss(case):
    # Every utterance counts alike, so a batch's loss is the mean of its utterances'
    # own, whatever padding they got from each other.
    model, batch = case
    model.eval()
    model.objective = fixed_objective
    model.variance_loss = VarianceLoss(use_masking=False, use_weighted_masking=True)
    together, stats, _ = model(**batch)
    alone = [model(**only(batch, i)) for i in range(3)]
    torch.testing.assert_close(together, torch.stack([a[0] for a in alone]).mean(0))
    for name in stats:
        mean = torch.stack([a[1][name] for a in alone]).mean(0)
        torch.testing.assert_close(stats[name], mean, rtol=1e-4, atol=1e-5)


def only(batch, i):
    """The batch of utterance i alone."""
    return {name: value[i : i + 1] for name, value in batch.items()}


def test_a_batch_is_its_utterances_one_by_one(case):
    model, batch = case
    model.eval()
    inputs = [without_lengths(batch, i) for i in range(3)]
    lists = {name: [row[name] for row in inputs] for name in inputs[0]}
    for options in (
        dict(seed=3),
        dict(seed=3, num_steps=2, eta=1.0, use_teacher_forcing=True),
        dict(seed=3, solver="dpmsolver++", num_steps=3, alpha=1.7),
    ):
        texts = lists["text"]
        rest = {k: v for k, v in lists.items() if k != "text"}
        together = model.inference_batch(texts, **rest, **options)
        for i, row in enumerate(inputs):
            alone = model.inference(**row, **options)
            for name, value in alone.items():
                torch.testing.assert_close(
                    together[i][name], value, rtol=1e-4, atol=1e-4
                )


def test_given_durations_pitch_and_energy_are_used_when_forced():
    model = make_prodiff().eval()
    row = without_lengths(make_batch(), 1)
    forced = model.inference(**row, use_teacher_forcing=True, seed=0)
    assert torch.equal(forced["duration"], row["durations"])
    assert torch.equal(forced["pitch"], row["pitch"])
    assert len(forced["feat_gen"]) == row["durations"].sum()
    free = model.inference(**row, seed=0)
    assert not torch.equal(free["pitch"], row["pitch"])
    only_durations = model.inference(
        row["text"], durations=row["durations"], use_teacher_forcing=True, seed=0
    )
    assert torch.equal(only_durations["duration"], row["durations"])
    assert torch.equal(only_durations["pitch"], free["pitch"])


def test_alpha_scales_the_durations():
    model = make_prodiff().eval()
    torch.nn.init.constant_(model.duration_predictor.linear.bias, 2.0)
    text = make_batch()["text"][1]
    once = model.inference(text, seed=0)["duration"]
    twice = model.inference(text, seed=0, alpha=2.0)["duration"]
    assert torch.equal(twice, 2 * once)


def test_seed_and_temperature():
    model = make_prodiff().eval()
    text = make_batch()["text"][1]
    first = model.inference(text, seed=1)["feat_gen"]
    assert torch.equal(first, model.inference(text, seed=1)["feat_gen"])
    assert not torch.equal(first, model.inference(text, seed=2)["feat_gen"])
    cold = [model.inference(text, seed=s, temperature=0.0)["feat_gen"] for s in (1, 2)]
    assert torch.equal(*cold)


@pytest.mark.parametrize("num_steps", [1, 2, 3, 4])
def test_steps_are_network_evaluations(num_steps, monkeypatch):
    model = make_prodiff().eval()
    calls = []
    network = model.denoiser.network
    forward = network.forward
    monkeypatch.setattr(
        network, "forward", lambda *a, **k: calls.append(1) or forward(*a, **k)
    )
    text = make_batch()["text"][1]
    model.inference(text, num_steps=num_steps)
    assert len(calls) == num_steps
    calls.clear()
    make_default = make_prodiff(num_steps=num_steps)
    assert make_default.num_steps == num_steps


def test_a_sentence_predicted_to_be_empty_still_comes_out():
    model = make_prodiff().eval()
    torch.nn.init.constant_(model.duration_predictor.linear.bias, -9.0)
    batch = make_batch()
    texts = [without_lengths(batch, i)["text"] for i in range(3)]
    for row, text in zip(model.inference_batch(texts, seed=0), texts, strict=True):
        assert len(row["feat_gen"]) == len(text) + 1


def test_frozen_text_side_has_no_gradient_and_no_dropout():
    model = make_prodiff()
    model.train_denoiser_only()
    model.train()
    assert not model.encoder.training and model.denoiser.training
    loss, stats, _ = model(**make_batch())
    torch.testing.assert_close(loss, stats["diffusion_loss"])
    loss.backward()
    trained = {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad}
    assert trained == {"denoiser"}
    assert all(p.grad is not None for p in model.denoiser.parameters())
    assert all(p.grad is None for p in model.encoder.parameters())


def test_one_utterance_can_be_learned():
    model = make_prodiff(denoiser_channels=32)
    batch = make_batch((6,))
    # Speech is smooth along time; white noise could not be told from the diffusion's.
    batch["feats"] = torch.nn.functional.avg_pool1d(
        batch["feats"].transpose(1, 2), 5, 1, 2
    ).transpose(1, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(250):
        optimizer.zero_grad()
        model(**batch)[0].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()
    row = without_lengths(batch, 0)
    got = model.inference(**row, use_teacher_forcing=True, seed=0)["feat_gen"]
    error = (got - row["feats"]).abs().mean() / row["feats"].abs().mean()
    assert error < 0.35


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(num_steps=0), "between 1 and 4"),
        (dict(num_steps=5), "between 1 and 4"),
        (dict(alpha=0.0), "alpha must be greater than 0"),
        (dict(alpha=-1.0), "alpha must be greater than 0"),
        (dict(temperature=-1.0), "temperature is -1"),
        (dict(solver="heun"), "ddim, dpmsolver"),
    ],
)
def test_impossible_inference_options_are_refused(options, message):
    model = make_prodiff().eval()
    with pytest.raises(ValueError, match=message):
        model.inference(torch.tensor([1, 2, 3]), **options)


def test_missing_inputs_are_named():
    text = torch.tensor([1, 2, 3])
    with pytest.raises(ValueError, match="text is empty"):
        make_prodiff().eval().inference(text[:0])
    with pytest.raises(ValueError, match="sids"):
        make_prodiff(spks=3).eval().inference(text)
    with pytest.raises(ValueError, match="spembs"):
        make_prodiff(spk_embed_dim=3).eval().inference(text)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(decoder_type="transformer"), "must be 'diffusion'"),
        (dict(reduction_factor=2), "reduction_factor"),
        (dict(postnet_layers=3), "postnet_layers"),
        (dict(diffusion_scheduler="sigmoid"), "vpsde, cosine, linear"),
        (dict(prediction_type="noise"), "x_0, eps, v"),
        (dict(noise_cond="beta"), "step, alpha, log_snr"),
        (dict(num_steps=8), "between 1 and 4"),
        (dict(denoiser_layer=3), "unknown options: denoiser_layer"),
        (dict(espnet_prodiff=7), "checkpoint format 7"),
    ],
)
def test_impossible_constructor_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_prodiff(**options)


def test_every_option_of_the_builtin_is_accepted():
    import inspect

    from espnet2.tts.prodiff import ProDiff as Builtin

    theirs = inspect.signature(Builtin).parameters
    ours = inspect.signature(ProDiff).parameters
    assert set(theirs) - set(ours) == set()
    different = {
        name
        for name, parameter in theirs.items()
        if parameter.default is not inspect.Parameter.empty
        and parameter.default != ours[name].default
    }
    assert different == {"diffusion_steps"}  # 4, the paper's, instead of 1000


def test_published_sizes():
    conf = yaml.safe_load(Path("conf/train_prodiff.yaml").read_text())["tts_conf"]
    model = ProDiff(IDIM, ODIM, **conf)
    denoiser = sum(p.numel() for p in model.denoiser.parameters())
    assert denoiser == pytest.approx(15.09e6, rel=0.002)


def test_foreign_weights_are_refused_even_where_loading_is_lenient():
    from espnet2.tts.prodiff import ProDiff as Builtin

    builtin = Builtin(IDIM, ODIM, adim=16, aheads=2, elayers=1, eunits=16)
    model = make_prodiff()
    with pytest.raises(ValueError, match="tts: prodiff_builtin"):
        model.load_state_dict(builtin.state_dict(), strict=False)
    half = {k: v for k, v in model.state_dict().items() if "encoder" in k}
    with pytest.raises(ValueError, match="not of this ProDiff"):
        model.load_state_dict(half, strict=False)
    model.load_state_dict(model.state_dict())


@pytest.mark.parametrize("times", ["discrete", "continuous"])
def test_a_teacher_is_trained_at_the_times_that_it_was_asked_for(times):
    model = make_prodiff(
        diffusion_scheduler="cosine", diffusion_steps=8, num_steps=4, train_times=times
    )
    told = []
    model.denoiser.network.step_embedding.register_forward_pre_hook(
        lambda _, inputs: told.extend(inputs[0].tolist())
    )
    batch = make_batch()
    for _ in range(40):
        model(**batch)
    whole = [t == round(t) for t in told]
    assert all(whole) if times == "discrete" else not any(whole)
    assert 0 < min(told) < 2 and 7 < max(told) <= 8
    with pytest.raises(ValueError, match="train_times must be one of discrete, cont"):
        make_prodiff(train_times="random")
