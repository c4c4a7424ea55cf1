"""FastSpeech2's text encoder and predictors without a gradient, on rows.

The same weights and values as ESPnet's modules, utterance by utterance: see
`common.rows`. Padding is never computed, and nothing is transposed for a convolution or
a normalisation.
"""

from contextlib import redirect_stdout
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_prodiff.common.rows import HALVES, Rows, convolve, fits_rows, project, reach

with redirect_stdout(None):  # ESPnet prints that it does without flash_attn
    from espnet.nets.pytorch_backend.fastspeech.duration_predictor import (
        DurationPredictor,
    )
    from espnet.nets.pytorch_backend.transformer.attention import MultiHeadedAttention
    from espnet.nets.pytorch_backend.transformer.encoder import Encoder
    from espnet.nets.pytorch_backend.transformer.encoder_layer import EncoderLayer
    from espnet.nets.pytorch_backend.transformer.multi_layer_conv import (
        Conv1dLinear,
        MultiLayeredConv1d,
    )
    from espnet.nets.pytorch_backend.transformer.positionwise_feed_forward import (
        PositionwiseFeedForward,
    )
    from espnet2.tts.fastspeech2.variance_predictor import VariancePredictor

FEED_FORWARD = (Conv1dLinear, MultiLayeredConv1d, PositionwiseFeedForward)


def encoder_fits_rows(encoder: nn.Module) -> bool:
    """Whether `encode_rows` knows all parts of an encoder."""
    if type(encoder) is not Encoder or encoder.intermediate_layers is not None:
        return False
    if not isinstance(encoder.embed, nn.Sequential):
        return False
    return all(
        type(layer) is EncoderLayer
        and type(layer.self_attn) is MultiHeadedAttention
        and isinstance(layer.self_attn.q_norm, nn.Identity)
        and type(layer.feed_forward) in FEED_FORWARD
        and _activation_is_relu(layer.feed_forward)
        and _convolutions_fit(layer.feed_forward)
        for layer in encoder.encoders
    )


def predictor_fits_rows(predictor: nn.Module) -> bool:
    """Whether `predict_rows` knows a predictor."""
    known = type(predictor) in (DurationPredictor, VariancePredictor)
    return known and _convolutions_fit(predictor)


def widest_reach(*modules: nn.Module) -> int:
    """The gap that rows need for the convolutions of modules."""
    parts = [part for module in modules for part in module.modules()]
    return max((reach(p) for p in parts if isinstance(p, nn.Conv1d)), default=0)


@torch.autocast("cpu", enabled=False)
def encode_rows(encoder: Encoder, tokens: Tensor, rows: Rows) -> Tensor:
    """Token ids (B, N) -> hidden states (rows, adim), as the encoder makes them."""
    hidden = rows.pack(encoder.embed(tokens))
    for layer in encoder.encoders:
        hidden = _apply_layer(layer, hidden, rows)
    return encoder.after_norm(hidden) if encoder.normalize_before else hidden


@torch.autocast("cpu", enabled=False)
def predict_rows(predictor: Any, hidden: Tensor, rows: Rows) -> Tensor:
    """Hidden states (rows, adim) -> predictions (rows, 1), as the predictor's."""
    for conv, _, norm, _ in predictor.conv:
        hidden = convolve(rows.clear(hidden), conv, rows.gap).relu_()
        hidden = _normalize(norm, hidden)
    return project(hidden, predictor.linear)


def _apply_layer(layer: EncoderLayer, hidden: Tensor, rows: Rows) -> Tensor:
    """One block, (rows, adim) -> (rows, adim)."""
    inputs = _normalize(layer.norm1, hidden) if layer.normalize_before else hidden
    attended = _attend(layer.self_attn, inputs, rows)
    if layer.concat_after:
        joined = torch.cat([inputs.to(attended.dtype), attended], dim=1)
        attended = project(joined, layer.concat_linear)
    hidden = hidden + attended
    if not layer.normalize_before:
        hidden = _normalize(layer.norm1, hidden)
    inputs = _normalize(layer.norm2, hidden) if layer.normalize_before else hidden
    hidden = hidden + _feed_forward(layer.feed_forward, inputs, rows)
    return hidden if layer.normalize_before else _normalize(layer.norm2, hidden)


def _attend(attention: MultiHeadedAttention, inputs: Tensor, rows: Rows) -> Tensor:
    """Self-attention of every utterance, (rows, adim) -> (rows, adim)."""
    linears = (attention.linear_q, attention.linear_k, attention.linear_v)
    query_key_value = [project(inputs, linear) for linear in linears]
    context = torch.zeros_like(query_key_value[0])
    parts = [rows.split(x) for x in (*query_key_value, context)]
    for *heads, out in zip(*parts, strict=True):
        # (N, adim) -> (1, heads, N, d_k), float32: see `row_multiple`
        heads = [x.view(1, len(x), attention.h, -1).transpose(1, 2) for x in heads]
        if heads[0].dtype in HALVES:
            heads = [x.float() for x in heads]
        attended = F.scaled_dot_product_attention(*heads)
        out.copy_(attended[0].transpose(0, 1).flatten(1))
    return project(context, attention.linear_out)


def _feed_forward(layer: Any, inputs: Tensor, rows: Rows) -> Tensor:
    """Position-wise layers, (rows, adim) -> (rows, adim)."""
    if isinstance(layer.w_1, nn.Linear):
        return project(project(inputs, layer.w_1).relu_(), layer.w_2)
    wide = convolve(rows.clear(inputs), layer.w_1, rows.gap).relu_()
    if isinstance(layer.w_2, nn.Linear):
        return project(wide, layer.w_2)
    return convolve(rows.clear(wide), layer.w_2, rows.gap)


def _normalize(norm: nn.LayerNorm, rows: Tensor) -> Tensor:
    """Layer normalisation over the channels, in its weight's type."""
    weight = norm.weight
    shape = norm.normalized_shape
    return F.layer_norm(rows.to(weight.dtype), shape, weight, norm.bias, norm.eps)


def _activation_is_relu(layer: nn.Module) -> bool:
    return isinstance(getattr(layer, "activation", nn.ReLU()), nn.ReLU)


def _convolutions_fit(module: nn.Module) -> bool:
    return all(fits_rows(x) for x in module.modules() if isinstance(x, nn.Conv1d))
