import pytest
import torch

from tests.prodiff.factory import inference_inputs, make_batch, make_prodiff


def test_a_batch_equals_its_utterances_one_by_one(case):
    model, batch = case
    inputs = [inference_inputs(batch, i) for i in range(3)]
    lists = {name: [row[name] for row in inputs] for name in inputs[0]}
    lists["texts"] = lists.pop("text")
    for options in (
        dict(seed=3),
        dict(seed=3, num_steps=2, eta=1.0, use_teacher_forcing=True),
        dict(seed=3, solver="dpmsolver++", num_steps=3, alpha=1.7),
    ):
        together = model.inference_batch(**lists, **options)
        for i, row in enumerate(inputs):
            alone = model.inference(**row, **options)
            for name, value in alone.items():
                torch.testing.assert_close(
                    together[i][name], value, rtol=1e-4, atol=1e-4
                )


def test_teacher_forcing_uses_durations_pitch_and_energy():
    model = make_prodiff()
    row = inference_inputs(make_batch(), 1)
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
    model = make_prodiff()
    torch.nn.init.constant_(model.duration_predictor.linear.bias, 2.0)
    text = make_batch()["text"][1]
    once = model.inference(text, seed=0)["duration"]
    twice = model.inference(text, seed=0, alpha=2.0)["duration"]
    assert torch.equal(twice, 2 * once)


def test_seed_and_temperature():
    model = make_prodiff()
    text = make_batch()["text"][1]
    first = model.inference(text, seed=1)["feat_gen"]
    assert torch.equal(first, model.inference(text, seed=1)["feat_gen"])
    assert not torch.equal(first, model.inference(text, seed=2)["feat_gen"])
    cold = [model.inference(text, seed=s, temperature=0.0)["feat_gen"] for s in (1, 2)]
    assert torch.equal(*cold)


@pytest.mark.parametrize("num_steps", [1, 2, 3, 4])
def test_steps_are_network_evaluations(num_steps, monkeypatch):
    model = make_prodiff()
    calls = []
    network = model.denoiser.network
    forward = network.forward
    monkeypatch.setattr(
        network, "forward", lambda *a, **k: calls.append(1) or forward(*a, **k)
    )
    text = make_batch()["text"][1]
    model.inference(text, num_steps=num_steps)
    assert len(calls) == num_steps
    assert make_prodiff(num_steps=num_steps).num_steps == num_steps


def test_durations_predicted_as_0_become_a_frame_each():
    model = make_prodiff()
    torch.nn.init.constant_(model.duration_predictor.linear.bias, -9.0)
    batch = make_batch()
    texts = [inference_inputs(batch, i)["text"] for i in range(3)]
    for row, text in zip(model.inference_batch(texts, seed=0), texts, strict=True):
        assert len(row["feat_gen"]) == len(text) + 1


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
    model = make_prodiff()
    with pytest.raises(ValueError, match=message):
        model.inference(torch.tensor([1, 2, 3]), **options)


def test_missing_inputs_are_named():
    text = torch.tensor([1, 2, 3])
    with pytest.raises(ValueError, match="text is empty"):
        make_prodiff().inference(text[:0])
    with pytest.raises(ValueError, match="sids"):
        make_prodiff(spks=3).inference(text)
    with pytest.raises(ValueError, match="spembs"):
        make_prodiff(spk_embed_dim=3).inference(text)
