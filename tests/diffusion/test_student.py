"""Weights that a smaller student takes over from its teacher."""

import pytest
import torch

from espnet_prodiff.diffusion import weights_from_teacher
from espnet_prodiff.diffusion.student import kept_layers
from espnet_prodiff.prodiff.network import ProDiffNetwork


def make_network(layers, channels=8):
    torch.manual_seed(layers * channels)
    network = ProDiffNetwork(4, cond_channels=6, channels=channels, layers=layers)
    torch.nn.init.normal_(network.out_proj.weight)
    return network


def weights_for(student, teacher):
    return weights_from_teacher(
        student.state_dict(), teacher.state_dict(), ProDiffNetwork.LAYER_MAJOR
    )


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


def test_half_the_layers_compute_what_they_did_in_the_teacher():
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


def test_other_widths_take_over_nothing_of_that_width():
    # Only the bias of the mel bins does not depend on the width.
    assert set(weights_for(make_network(4, 6), make_network(4, 8))) == {"out_proj.bias"}
