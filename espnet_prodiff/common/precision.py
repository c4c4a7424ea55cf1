"""Half precision at inference: products in bfloat16 or float16, all else in float32.

Sums over layers, normalisations, noise levels, durations, statistics and waves stay
float32, as torch's autocast has it. Where a model says which of its layers may be
rounded for good, their weights are, and need no rounding at every call.
"""

import logging
from contextlib import AbstractContextManager, nullcontext

import torch
from espnet2.tts.espnet_model import ESPnetTTSModel
from torch import nn

from espnet_prodiff.common.plugin import PluginTTS
from espnet_prodiff.errors import check_choice

HALVES = ("bfloat16", "float16")
DTYPES = (*HALVES, "float32", "float64")


def set_dtype(model: ESPnetTTSModel, dtype: str) -> None:
    """Make a model ready for a type of `DTYPES`.

    A model of ours in half precision keeps float32 where it is needed; of its
    ``product_layers()``, if it offers them, the weights are rounded here. On a kind of
    device that is not among its ``half_devices`` it stays in float32, with a warning.
    Any other model is converted as a whole, as ESPnet does it.

    Raises:
        UserError: The type is none of them.
    """
    check_choice("dtype", dtype, DTYPES)
    if dtype not in HALVES or not isinstance(model.tts, PluginTTS):
        model.to(getattr(torch, dtype))
        return
    kind = next(model.parameters()).device.type
    if kind not in model.tts.half_devices:
        name = type(model.tts).__name__
        logging.warning("%s stays in float32: no %s on a %s", name, dtype, kind)
        return
    for layer in getattr(model.tts, "product_layers", list)():
        layer.to(getattr(torch, dtype))


def products_in(
    dtype: str, tts: nn.Module, device: str | torch.device
) -> AbstractContextManager:
    """The context in which a model that `set_dtype` has made ready is run."""
    kind = torch.device(device).type
    half = isinstance(tts, PluginTTS) and kind in tts.half_devices
    if dtype not in HALVES or not half:
        return nullcontext()
    return torch.autocast(kind, getattr(torch, dtype))
