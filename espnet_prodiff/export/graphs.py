"""The parts of a voice as modules whose every call is one ONNX graph.

One utterance each: nothing is padded, and no utterance depends on another. What lies
between the graphs (durations, prosody, noise, the steps) is the runtime's, where speed,
pitch, energy, steps and seed are free.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from espnet_prodiff.prodiff.network import ProDiffNetwork
from espnet_prodiff.prodiff.prodiff import ProDiff
from espnet_prodiff.spectral_vocoder.network import SpectralNetwork

MOST_TOKENS = 2000  # of a sentence; ESPnet's table of positions is longer


class Graph(NamedTuple):
    """A module, an example of its inputs by name, its outputs, and axes of any length.

    ``axes`` are by the name of an input or output.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    axes: dict[str, dict[int, str]]


class Encoder(nn.Module):
    """Tokens with eos (1, N) and who speaks to hidden states and predictions."""

    def __init__(self, tts: ProDiff, identity: tuple[str, ...]) -> None:
        super().__init__()
        self.tts, self.identity = tts, identity
        for part in tts.encoder.modules():
            table = getattr(part, "pe", None)
            if isinstance(table, Tensor):
                part.pe = table[:, :MOST_TOKENS]

    def forward(self, tokens: Tensor, *identity: Tensor) -> tuple[Tensor, ...]:
        """Return hidden (1, N, adim), log-durations (1, N), pitch and energy."""
        tts, given = self.tts, dict(zip(self.identity, identity, strict=True))
        hidden = tts.encoder(tokens, None)[0]
        who = {name: given.get(name) for name in ("spembs", "sids", "lids")}
        hidden = tts._add_identity(hidden, None, None, **who)
        log_duration = tts.duration_predictor(hidden, None)
        pitch = tts.pitch_predictor(hidden, None)
        return hidden, log_duration, pitch, tts.energy_predictor(hidden, None)


class Condition(nn.Module):
    """Pitch and energy added, projected for all layers, repeated by the durations."""

    def __init__(self, tts: ProDiff) -> None:
        super().__init__()
        self.tts = tts

    def forward(
        self, hidden: Tensor, pitch: Tensor, energy: Tensor, token_of_frame: Tensor
    ) -> Tensor:
        """Return the conditioning (1, layers * 2C, L) of frames (L,)."""
        unused = torch.zeros(0, dtype=torch.long)  # frames are repeated below
        tokens = self.tts.expand(hidden, unused, pitch, energy).tokens
        projected = self.tts.denoiser.network.cond_proj(tokens.transpose(1, 2))
        return projected.index_select(2, token_of_frame)


class Denoiser(nn.Module):
    """One step of the network."""

    def __init__(self, network: ProDiffNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x_t: Tensor, noise_cond: Tensor, cond: Tensor) -> Tensor:
        """(1, n_mels, L), (1,), (1, layers * 2C, L) -> (1, n_mels, L)."""
        conds = tuple(cond.chunk(len(self.network.layers), dim=1))
        return self.network(x_t, noise_cond, conds)


def acoustic_graphs(tts: ProDiff) -> dict[str, Graph]:
    """Return the graphs of an acoustic model, by the names of their files."""
    random = torch.Generator().manual_seed(0)
    tokens, frames = 7, 23
    ids = torch.randint(1, tts.idim - 1, (1, tokens), generator=random)
    identity: dict[str, Tensor | None] = {
        "sids": None if tts.spks is None else torch.zeros(1, 1, dtype=torch.long),
        "lids": None if tts.langs is None else torch.zeros(1, 1, dtype=torch.long),
        "spembs": None
        if tts.spk_embed_dim is None
        else torch.randn(1, tts.spk_embed_dim, generator=random),
    }
    who = {name: value for name, value in identity.items() if value is not None}
    encoder = Encoder(tts, tuple(who))
    inputs = {"tokens": ids, **who}
    outputs = ("hidden", "log_duration", "pitch", "energy")
    with torch.no_grad():
        hidden, _, pitch, energy = encoder(*inputs.values())
        by_token = {"hidden": hidden, "pitch": pitch, "energy": energy}
        where = torch.arange(tokens).repeat_interleave(4)[:frames]
        condition = Condition(tts)
        cond = condition(*by_token.values(), where)
    network = tts.denoiser.network
    n_mels = network.in_proj.in_channels
    steps = {
        "x_t": torch.randn(1, n_mels, frames, generator=random),
        "noise_cond": torch.ones(1),
        "cond": cond,
    }
    token_axis, frame_axis = {1: "tokens"}, {2: "frames"}
    return {
        "encoder": Graph(
            encoder,
            inputs,
            outputs,
            {"tokens": token_axis, **dict.fromkeys(outputs, token_axis)},
        ),
        "condition": Graph(
            condition,
            {**by_token, "token_of_frame": where},
            ("cond",),
            {
                **dict.fromkeys(by_token, token_axis),
                **{"token_of_frame": {0: "frames"}, "cond": frame_axis},
            },
        ),
        "denoiser": Graph(
            Denoiser(network),
            steps,
            ("output",),
            {"x_t": frame_axis, "cond": frame_axis, "output": frame_axis},
        ),
    }


def letter_graph(guesser: nn.Module) -> Graph:
    """What guesses words: numbers of letters (1, N) to log-probabilities."""
    letters = torch.tensor([[3, 1, 20, 19]])
    axes = {"letters": {1: "letters"}, "log_probabilities": {1: "states"}}
    return Graph(guesser, {"letters": letters}, ("log_probabilities",), axes)


def spectral_graph(network: SpectralNetwork) -> Graph:
    """The spectral vocoder: scaled log-mels (1, F, n_mels) to (1, heads, F, bins)."""
    log_mel = torch.randn(1, 23, network.embed.in_channels)
    axes = {"log_mel": {1: "frames"}, "values": {2: "frames"}}
    return Graph(network, {"log_mel": log_mel}, ("values",), axes)
