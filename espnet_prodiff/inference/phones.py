"""When each token of an utterance is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from espnet2.tts.espnet_model import ESPnetTTSModel
    from torch import Tensor


class Phone(NamedTuple):
    """A token and when it is said.

    Attributes:
        token: The token, as in the model's token list.
        start: Seconds from the beginning of the wave.
        end: Seconds.
    """

    token: str
    start: float
    end: float


def phone_times(
    model: ESPnetTTSModel,
    output: dict[str, Tensor],
    ids: Tensor,
    token_list: Sequence[str],
) -> list[Phone] | None:
    """Return when each token of an utterance is said, eos included.

    None for a model that knows no durations.

    Args:
        model: The model.
        output: Of its inference; ``duration`` counts.
        ids: Of the tokens, (N,), without eos.
        token_list: The model's tokens.
    """
    durations, feats = output.get("duration"), output.get("feat_gen")
    extract = model.feats_extract
    tokens = [token_list[i] for i in ids.tolist()] + [token_list[-1]]
    if durations is None or extract is None or len(durations) > len(tokens):
        return None
    # Of whatever a duration counts: a frame or, in some of ESPnet's models, several.
    samples = len(output["wav"]) if feats is None else len(feats) * extract.hop_length
    ends = durations.flatten().double().cumsum(0).cpu()
    ends = (
        (ends * (samples / float(ends[-1]) / extract.fs)).tolist() if ends[-1] else []
    )
    starts = [0.0, *ends]
    return [Phone(*phone) for phone in zip(tokens, starts, ends, strict=False)]
