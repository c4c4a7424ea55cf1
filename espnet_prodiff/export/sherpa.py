"""A voice in the files that sherpa-onnx reads, as its Matcha models and vocoders.

Names of inputs, outputs and metadata are those that its loaders ask for (sherpa-onnx
2.0). Its texts are read by its own front end, from the lexicon: no figures, no words
that are not in it. The number of steps is fixed, speed and temperature are not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from espnet_prodiff.diffusion.parameterization import to_prediction
from espnet_prodiff.errors import InputError
from espnet_prodiff.export.graphs import Condition, Encoder, Graph
from espnet_prodiff.export.graphs import Denoiser as Network
from espnet_prodiff.export.inversion_graph import InversionGraph
from espnet_prodiff.export.onnx_file import write_graph
from espnet_prodiff.export.voice import exported_model
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.inference.builtin_vocoder import BuiltinVocoder
from espnet_prodiff.inference.lexicon_g2p import LexiconG2p
from espnet_prodiff.inference.text2speech import Text2Speech


def export_sherpa(
    model: str | Path | None, folder: str | Path, *, num_steps: int | None = None
) -> None:
    """Write model.onnx, vocoder.onnx, tokens.txt and lexicon.txt.

    Args:
        model: See `find_model`.
        folder: Where they go.
        num_steps: Sampling steps; default: the model's own.

    Raises:
        InputError: The voice has no lexicon of ours, or several speakers, or not the
            built-in vocoder.
        UserError: A part of it does not export.
    """
    text2speech = exported_model(model)
    tts, vocoder = text2speech.tts, text2speech.vocoder
    g2p = getattr(getattr(text2speech.preprocess_fn, "tokenizer", None), "g2p", None)
    several = (tts.spks, tts.langs, tts.spk_embed_dim)
    if not isinstance(g2p, LexiconG2p) or several != (None,) * 3:
        raise InputError(
            f"{model or 'the model'} cannot be exported for sherpa-onnx: expected a "
            "voice of one speaker that reads by our lexicon"
        )
    if not isinstance(vocoder, BuiltinVocoder):
        raise InputError(f"expected the built-in vocoder, found {vocoder}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rate = {"sample_rate": str(text2speech.fs)}
    about = {
        **{"model_type": "matcha-tts", "language": "English", "voice": "en-us"},
        **{"has_espeak": "0", "jieba": "1", "use_eos_bos": "0", "pad_id": "0"},
        **{"n_speakers": "1", "version": "1", "use_icefall": "0", **rate},
        **{"num_ode_steps": str(num_steps or tts.num_steps)},
        **{"model_author": "espnet_prodiff", "maintainer": "espnet_prodiff"},
    }
    matcha = Matcha(text2speech, num_steps)
    ids = torch.zeros(1, 21, dtype=torch.long)  # a blank before, between and behind
    ids[0, 1::2] = torch.arange(2, 12)
    inputs = {
        "x": ids,
        "x_length": torch.tensor([21]),
        "noise_scale": torch.zeros(1),
        "length_scale": torch.ones(1),
    }
    axes = {"x": {1: "tokens"}, "mel": {2: "frames"}}
    write_graph(
        folder / "model.onnx", Graph(matcha, inputs, ("mel",), axes), "float32", about
    )
    with torch.no_grad():
        mel = matcha(*inputs.values())
    wave = InversionGraph(vocoder._inversion, vocoder._log_base, vocoder._scale)
    axes = {"mel": {2: "frames"}, "audio": {2: "samples"}}
    graph = Graph(wave, {"mel": mel}, ("audio",), axes)
    write_graph(
        folder / "vocoder.onnx", graph, "float32", {"model_type": "hifigan", **rate}
    )
    tokens = enumerate(text2speech.train_args.token_list)
    write_text(folder / "tokens.txt", "".join(f"{name} {i}\n" for i, name in tokens))
    words = g2p.lexicon.items()
    lines = (f"{word} {phones}\n" for word, phones in words if word == word.lower())
    write_text(folder / "lexicon.txt", "".join(lines))


class Matcha(nn.Module):
    """From token ids between blanks to a mel, all steps in one graph."""

    def __init__(self, text2speech: Text2Speech, num_steps: int | None) -> None:
        super().__init__()
        tts = text2speech.tts
        self.encoder, self.condition = Encoder(tts, ()), Condition(tts)
        self.network, self.eos = Network(tts.denoiser.network), tts.eos
        self.kind, self.n_mels = tts.denoiser.prediction_type, tts.odim
        schedule = tts.denoiser.schedule
        times = tts.times(num_steps)
        self.alphas = schedule.alpha(times).tolist()
        self.sigmas = schedule.sigma(times).tolist()
        levels = {"step": times, "alpha": schedule.alpha(times)}
        levels["log_snr"] = schedule.log_snr(times)
        self.levels = levels[tts.denoiser.noise_cond].tolist()
        mean, std = torch.zeros(self.n_mels), torch.ones(self.n_mels)
        if text2speech.normalize is not None:
            mean, std = text2speech.normalize.mean, text2speech.normalize.std
        self.mean = nn.Buffer(mean.float()[:, None])
        self.std = nn.Buffer(std.float()[:, None])

    def forward(
        self, x: Tensor, x_length: Tensor, noise_scale: Tensor, length_scale: Tensor
    ) -> Tensor:
        """Return log-mels (1, n_mels, L) of ids (1, 2 N + 1), every second a blank."""
        tokens = x[:, 1::2]
        tokens = torch.cat([tokens, torch.full_like(tokens[:, :1], self.eos)], 1)
        hidden, log_duration, pitch, energy = self.encoder(tokens)
        frames = torch.round(torch.exp(log_duration[0]) - 1).clamp(min=0)
        ends = torch.round(frames * length_scale).cumsum(0).long()
        count: Any = ends[-1].clamp(min=1)  # not int(): the graph is to have it
        frame = torch.arange(count)
        token_of_frame = (frame[:, None] >= ends[None]).long().sum(1)
        token_of_frame = token_of_frame.clamp(max=ends.shape[0] - 1)
        cond = self.condition(hidden, pitch, energy, token_of_frame)
        like = cond[:, :1].expand(-1, self.n_mels, -1)
        x_t = torch.randn_like(like) * noise_scale
        for step, level in enumerate(self.levels[:-1]):
            output = self.network(x_t, torch.full((1,), level), cond)
            alpha, sigma = self.alphas[step], self.sigmas[step]
            x_0, eps = to_prediction(output, x_t, self.kind, alpha=alpha, sigma=sigma)
            x_t = self.alphas[step + 1] * x_0 + self.sigmas[step + 1] * eps
        # An input that nothing uses would be left out, and the loader asks for it.
        return x_t * self.std + self.mean + 0.0 * x_length.sum()
