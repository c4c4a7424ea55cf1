import pytest
import torch
from espnet.nets.pytorch_backend.tacotron2.decoder import ZoneOutCell
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from espnet_prodiff.wavegrad2.encoder import (
    TextEncoder,
    ZoneOutBiLSTM,
    reverse_utterances,
)

IDIM = 12
LENGTHS = torch.tensor([7, 3, 1])


def make_encoder(**options):
    torch.manual_seed(0)
    return TextEncoder(IDIM, **{"embed_dim": 6, "encoder_channels": 8, **options})


def make_tokens(lengths=LENGTHS, padding=0):
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(1, IDIM, (len(lengths), 7), generator=generator)
    mask = torch.arange(7) < lengths[:, None]
    tokens = tokens * mask
    return torch.nn.functional.pad(tokens, (0, padding))


def identity_options(integration):
    return dict(
        spks=3, langs=2, spk_embed_dim=5, spk_embed_integration_type=integration
    )


def make_identity():
    torch.manual_seed(2)
    return dict(
        sids=torch.tensor([[0], [2], [1]]),
        lids=torch.tensor([[1], [0], [0]]),
        spembs=torch.randn(3, 5),
    )


@pytest.mark.parametrize("integration", ["add", "concat"])
def test_batch_equals_single(integration):
    encoder = make_encoder(**identity_options(integration))
    for norm in encoder.norms:  # statistics that are no identity
        nn.init.uniform_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2)
    encoder.eval()
    tokens, identity = make_tokens(), make_identity()
    hidden = encoder(tokens, LENGTHS, **identity)
    assert hidden.shape == (3, 7, encoder.out_channels)
    for row, length in enumerate(LENGTHS):
        row_identity = {name: value[row : row + 1] for name, value in identity.items()}
        alone = encoder(tokens[row : row + 1, :length], length[None], **row_identity)
        torch.testing.assert_close(hidden[row, :length], alone[0], rtol=1e-6, atol=1e-6)
        assert not hidden[row, length:].any()


def test_padding_changes_nothing_in_training_either():
    outputs = []
    for padding in (0, 5):
        encoder = make_encoder(encoder_dropout=0.0, zoneout=0.0).train()
        hidden = encoder(make_tokens(padding=padding), LENGTHS)[:, :7]
        outputs.append((hidden, encoder.norms[-1].running_var))
    torch.testing.assert_close(*outputs, rtol=1e-6, atol=1e-6)


def test_tokens_in_the_padding_change_nothing():
    encoder = make_encoder().eval()
    tokens = make_tokens()
    other = torch.where(tokens == 0, 5, tokens)
    torch.testing.assert_close(
        encoder(tokens, LENGTHS), encoder(other, LENGTHS), rtol=0, atol=0
    )


@pytest.mark.parametrize("integration", ["add", "concat"])
def test_every_parameter_gets_a_gradient(integration):
    encoder = make_encoder(**identity_options(integration))
    encoder(make_tokens(), LENGTHS, **make_identity()).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@pytest.mark.parametrize("integration", ["add", "concat"])
@pytest.mark.parametrize("name", ["sids", "lids", "spembs"])
def test_identity_reaches_the_hidden_states(integration, name):
    encoder = make_encoder(**identity_options(integration)).eval()
    tokens, identity = make_tokens(), make_identity()
    hidden = encoder(tokens, LENGTHS, **identity)
    other = encoder(
        tokens, LENGTHS, **{**identity, name: identity[name].roll(1, dims=0)}
    )
    change = (hidden - other).abs().amax(dim=(1, 2))
    assert change[0] > 1e-3
    with pytest.raises(ValueError, match=f"trained with {name} .*none came"):
        encoder(tokens, LENGTHS, **{**identity, name: None})


def test_added_embedding_is_the_projection_of_its_direction():
    encoder = make_encoder(spk_embed_dim=5).eval()
    without = make_encoder().eval()
    without.load_state_dict(encoder.state_dict(), strict=False)
    tokens, spembs = make_tokens(), make_identity()["spembs"]
    added = encoder(tokens, LENGTHS, spembs=7 * spembs) - without(tokens, LENGTHS)
    directions = spembs / spembs.norm(dim=1, keepdim=True)
    torch.testing.assert_close(added[:, 0], encoder.projection(directions))


def test_one_speaker_and_one_language_need_no_ids():
    encoder = make_encoder(spks=1, langs=1, spk_embed_dim=0)
    assert set(encoder.state_dict()) == set(make_encoder().state_dict())
    encoder(make_tokens(), LENGTHS)


@pytest.mark.parametrize(
    "option, message",
    [
        (dict(spk_embed_integration_type="sum"), "one of add, concat, but it is 'sum'"),
        (dict(encoder_channels=7), "positive even number .*not 7"),
        (dict(zoneout=1.5), "probability from 0 to 1, not 1.5"),
    ],
)
def test_wrong_options_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        make_encoder(**option)


def test_reversing_keeps_the_padding_behind():
    sequences = torch.arange(1, 5.0).expand(2, -1).unsqueeze(-1)
    mirrored = reverse_utterances(sequences, torch.tensor([4, 2])).squeeze(-1)
    assert mirrored.tolist() == [[4, 3, 2, 1], [2, 1, 3, 4]]


def torch_lstm(ours):
    """A bidirectional torch.nn.LSTM with the weights of ``ours``."""
    channels = ours.weight_hh.shape[2]
    lstm = nn.LSTM(
        ours.weight_ih.shape[2], channels, bidirectional=True, batch_first=True
    )
    state = {}
    for direction, suffix in enumerate(("", "_reverse")):
        state[f"weight_ih_l0{suffix}"] = ours.weight_ih[direction]
        state[f"weight_hh_l0{suffix}"] = ours.weight_hh[direction]
        state[f"bias_ih_l0{suffix}"] = ours.bias[direction]
        state[f"bias_hh_l0{suffix}"] = torch.zeros(4 * channels)
    lstm.load_state_dict(state)
    return lstm


def test_lstm_without_zoneout_is_torchs_over_packed_sequences():
    torch.manual_seed(0)
    ours, inputs = ZoneOutBiLSTM(4, 3, zoneout=0.0), torch.randn(3, 7, 4)
    packed = pack_padded_sequence(inputs, LENGTHS, batch_first=True)
    expected, _ = pad_packed_sequence(torch_lstm(ours)(packed)[0], batch_first=True)
    mask = (torch.arange(7) < LENGTHS[:, None]).unsqueeze(-1)
    torch.testing.assert_close(ours(inputs, LENGTHS) * mask, expected)


def test_evaluation_is_espnets_zoneout_cell():
    torch.manual_seed(0)
    ours, inputs = ZoneOutBiLSTM(4, 3, zoneout=0.3).eval(), torch.randn(2, 6, 4)
    outputs = ours(inputs, torch.tensor([6, 6]))
    reference = torch_lstm(ours)
    for direction, suffix in enumerate(("", "_reverse")):
        cell = nn.LSTMCell(4, 3)
        cell.load_state_dict(
            {
                name: getattr(reference, f"{name}_l0{suffix}")
                for name in cell.state_dict()
            }
        )
        cell = ZoneOutCell(cell, 0.3).eval()
        state = (torch.zeros(2, 3), torch.zeros(2, 3))
        for token in range(6) if direction == 0 else range(5, -1, -1):
            state = cell(inputs[:, token], state)
            torch.testing.assert_close(
                outputs[:, token, 3 * direction : 3 * direction + 3], state[0]
            )


def test_evaluation_is_the_expectation_of_one_step():
    torch.manual_seed(0)
    ours, inputs = ZoneOutBiLSTM(4, 3, zoneout=0.2).eval(), torch.randn(5, 1, 4)
    once = torch_lstm(ours)(inputs)[0]
    # The states start at zero: kept with 0.2, replaced with 0.8.
    torch.testing.assert_close(ours(inputs, torch.ones(5).long()), 0.8 * once)
    ours.train()
    many = inputs[:1].expand(20000, -1, -1)
    mean = ours(many, torch.ones(20000).long()).mean(dim=0, keepdim=True)
    torch.testing.assert_close(mean, 0.8 * once[:1], rtol=0.02, atol=0)


def test_training_keeps_the_given_share_of_states():
    torch.manual_seed(0)
    ours = ZoneOutBiLSTM(4, 32, zoneout=0.1)
    states = ours(torch.randn(16, 20, 4), torch.full((16,), 20))
    kept = (states[:, 1:] == states[:, :-1]).float()
    # 0.3 / sqrt(number of draws) is the deviation of the share
    for direction in kept.chunk(2, dim=2):
        assert abs(direction.mean() - 0.1) < 4 * 0.3 / direction.numel() ** 0.5
    assert not torch.equal(*kept.chunk(2, dim=2))


def test_half_precision():
    encoder = make_encoder()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = encoder(make_tokens(), LENGTHS)
    hidden.float().square().sum().backward()
    assert hidden.isfinite().all() and encoder.lstm.weight_hh.grad.isfinite().all()
