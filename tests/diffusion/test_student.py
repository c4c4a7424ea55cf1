"""Weights that a smaller student takes over from its teacher."""

import pytest
import torch

from espnet_prodiff.diffusion import weights_from_teacher
from espnet_prodiff.diffusion.student import kept_layers
from espnet_prodiff.prodiff import network as network_module
from espnet_prodiff.prodiff.network import ProDiffNetwork


def make_network(layers, channels=8):
    torch.manual_seed(layers * channels)
    network = ProDiffNetwork(4, cond_channels=6, channels=channels, layers=layers)
    torch.nn.init.normal_(network.out_proj.weight)
    return network


def weights_for(student, teacher, channel_axes=ProDiffNetwork.CHANNEL_AXES):
    states = student.state_dict(), teacher.state_dict()
    return weights_from_teacher(*states, ProDiffNetwork.LAYER_MAJOR, channel_axes)


def test_the_same_network_takes_over_everything():
    teacher, student = make_network(4), make_network(4)
    student.load_state_dict(weights_for(student, teacher), strict=True)
    x, t, cond = torch.randn(2, 4, 9), torch.tensor([1.0, 3.0]), torch.randn(2, 6, 9)
    assert torch.equal(student(x, t, cond), teacher(x, t, cond))


def test_every_kth_layer_is_kept():
    assert kept_layers(10, 5) == [0, 2, 4, 6, 8]
    assert kept_layers(20, 5) == [0, 4, 8, 12, 16]
    assert kept_layers(10, 3) == [0, 3, 6]
    assert kept_layers(4, 4) == [0, 1, 2, 3]
    for student in (0, 5):
        with pytest.raises(ValueError, match="at most its teacher's 4 residual layers"):
            kept_layers(4, student)


def test_half_the_layers_compute_what_they_did_in_the_teacher(monkeypatch):
    monkeypatch.setattr(network_module, "on_rows", lambda _: False)
    teacher, student = make_network(4), make_network(2)
    student.load_state_dict(weights_for(student, teacher), strict=True)
    t, cond = torch.tensor([1.0, 3.0]), torch.randn(2, 6, 9)
    embedded = teacher.step_embedding(t)
    steps = teacher.step_proj(embedded).unsqueeze(-1).chunk(4, dim=1)
    conds = teacher.prepare_cond(cond)
    steps_of_student = (
        student.step_proj(student.step_embedding(t)).unsqueeze(-1).chunk(2, dim=1)
    )
    hidden = torch.randn(2, 8, 9)
    for i, j in ((0, 0), (1, 2)):
        got = student.layers[i](
            hidden, steps_of_student[i], student.prepare_cond(cond)[i], None
        )
        expected = teacher.layers[j](hidden, steps[j], conds[j], None)
        assert all(map(torch.equal, got, expected))


def hide(narrow, wide, columns):
    """Put a network's channels among those of a wider one, whose others are silent.

    ``columns`` are its channels there; each kind of channels is shifted by one more,
    so that they lie elsewhere in every kind.
    """
    kinds = {"hidden": 0, "gate": 1, "skip": 2, "head": 3}
    width = wide.in_proj.out_channels
    places = {k: (torch.tensor(columns) + i) % width for k, i in kinds.items()}
    pairs = {
        "in_proj": (["hidden"], []),
        "cond_proj": (["gate", "gate"] * len(wide.layers), []),
        "conv": (["gate", "gate"], ["hidden"]),
        "out": (["hidden", "skip"], ["gate"]),
        "skip_proj": (["head"], ["skip"]),
        "out_proj": ([], ["head"]),
    }
    modules = dict(wide.named_modules())
    with torch.no_grad():
        for name, module in narrow.named_modules():
            if name.split(".")[-1] not in pairs:
                continue
            weight, bias = module.weight, module.bias
            for axis, kinds_there in enumerate(pairs[name.split(".")[-1]]):
                if not kinds_there:
                    continue
                place = torch.cat(
                    [places[kind] + i * width for i, kind in enumerate(kinds_there)]
                )
                shape = list(weight.shape)
                shape[axis] = len(kinds_there) * width
                weight = weight.new_zeros(shape).index_copy(axis, place, weight)
                if axis == 0:
                    zeros = bias.new_zeros(shape[0])
                    bias = zeros.index_copy(0, place, bias)
            modules[name].weight.copy_(weight)
            modules[name].bias.copy_(bias)
        for network in (narrow, wide):  # which begins anew in another width
            network.step_proj.weight.zero_()
            network.step_proj.bias.zero_()


def test_a_narrower_student_keeps_the_channels_that_do_something():
    inner, teacher, student = (
        make_network(3, 6),
        make_network(3, 10),
        make_network(3, 6),
    )
    hide(inner, teacher, [0, 2, 3, 4, 5, 6])
    inherited = weights_for(student, teacher)
    student.load_state_dict(student.state_dict() | inherited)
    student.step_proj.load_state_dict(inner.step_proj.state_dict())
    x, t, cond = torch.randn(2, 4, 9), torch.tensor([1.0, 3.0]), torch.randn(2, 6, 9)
    expected = inner(x, t, cond)
    torch.testing.assert_close(student(x, t, cond), expected)
    torch.testing.assert_close(teacher(x, t, cond), expected)
    # In a third of the layers as well: those of its layers 0, 1, 2 are their own.
    shallow = weights_for(make_network(1, 6), teacher)
    assert torch.equal(shallow["layers.0.out.weight"], inner.layers[0].out.weight)


def test_wider_students_and_networks_without_channel_axes_begin_anew():
    # Only the bias of the mel bins does not depend on the width.
    wider = weights_for(make_network(4, 10), make_network(4, 8))
    unknown = weights_for(make_network(4, 6), make_network(4, 8), None)
    assert set(wider) == set(unknown) == {"out_proj.bias"}
