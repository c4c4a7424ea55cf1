"""ProDiff's constructor options, by ESPnet's names."""

import inspect
import logging
from typing import Any

import torch
from espnet2.tts.fastspeech2 import FastSpeech2

from espnet_prodiff.diffusion import NoiseSchedule
from espnet_prodiff.errors import UserError, check_choice

# FastSpeech2's options that concern the decoder, which ProDiff does not have.
_DECODER_OPTIONS = set(
    "dlayers dunits decoder_normalize_before decoder_concat_after "
    "transformer_dec_dropout_rate transformer_dec_positional_dropout_rate "
    "transformer_dec_attn_dropout_rate conformer_dec_kernel_size".split()
)
# Defaults of ESPnet's built-in prodiff where they differ from FastSpeech2's.
_BUILTIN_DEFAULTS = {"decoder_type": "diffusion", "postnet_layers": 0}

DIFFUSION_SCHEDULERS = ("vpsde", "cosine", "linear")


def text_parameters() -> dict[str, inspect.Parameter]:
    """FastSpeech2's keyword options that ProDiff shares with ESPnet's built-in."""
    parameters = dict(inspect.signature(FastSpeech2.__init__).parameters)
    shared = {}
    for name, parameter in parameters.items():
        if name in {"self", "idim", "odim"} or name in _DECODER_OPTIONS:
            continue
        default = _BUILTIN_DEFAULTS.get(name, parameter.default)
        shared[name] = parameter.replace(
            default=default, kind=inspect.Parameter.KEYWORD_ONLY
        )
    return shared


def with_text_options(signature: inspect.Signature) -> inspect.Signature:
    """A constructor's signature with FastSpeech2's options for its ``**text``."""
    parameters = [p for p in signature.parameters.values() if p.name != "text"]
    return signature.replace(parameters=[*parameters, *text_parameters().values()])


def text_options(options: dict[str, Any]) -> dict[str, Any]:
    """FastSpeech2 arguments for the text side.

    Raises:
        UserError: If an option is unknown or not supported.
    """
    parameters = text_parameters()
    unknown = sorted(set(options) - set(parameters))
    if unknown:
        raise UserError(
            f"tts_conf of prodiff has unknown options: {', '.join(unknown)}. Known "
            f"beside the denoiser's are: {', '.join(sorted(parameters))}"
        )
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    options = defaults | options
    for name, only, why in (
        ("decoder_type", "diffusion", ""),
        ("reduction_factor", 1, ""),
        ("postnet_layers", 0, ", as in ESPnet's recipes: it would not be distilled"),
    ):
        if options[name] != only:
            raise UserError(
                f"{name} of prodiff must be {only!r}, but it is {options[name]!r}{why}"
            )
    # No decoder is kept, so its type for FastSpeech2 does not matter.
    options["decoder_type"] = "transformer"
    return options | {"dlayers": 0}


def noise_schedule(
    scheduler: str, steps: int, beta: float, timescale: int, checkpoint_format: int
) -> NoiseSchedule:
    """The schedule that ESPnet's ``diffusion_*`` options describe.

    ``beta`` is the largest beta rate of "vpsde", which has T betas in checkpoint format
    1; ``timescale`` is without effect, as in ESPnet's built-in.

    Raises:
        UserError: If ``scheduler`` is none of `DIFFUSION_SCHEDULERS`.
    """
    check_choice("diffusion_scheduler", scheduler, DIFFUSION_SCHEDULERS)
    if timescale != 1:
        logging.warning(
            f"diffusion_timescale={timescale} has no effect, as in ESPnet's own prodiff"
        )
    if scheduler == "vpsde":
        if checkpoint_format == 1:
            return NoiseSchedule.vpsde(steps, beta_max=beta)
        # As published: T + 1 betas, whose last level is never used.
        longer = NoiseSchedule.vpsde(steps + 1, beta_max=beta)
        return NoiseSchedule(longer.alpha(torch.arange(steps + 1)))
    if scheduler == "cosine":
        return NoiseSchedule.cosine(steps)
    return NoiseSchedule.linear(steps, 1e-6, 0.01)
