"""A model of one's own in 60 lines: it trains, distils, saves, loads and speaks.

`tts: toy` in a training config, after `registry.CLASSES["toy"] = ToyTTS`.
"""

import torch
from torch import Tensor, nn

from espnet_prodiff.common.durations import durations_from_log
from espnet_prodiff.common.model import DiffusionTTS
from espnet_prodiff.common.padding import UtteranceNoise, append_eos, length_mask
from espnet_prodiff.common.plugin import CHECKPOINT_FORMAT
from espnet_prodiff.common.sampling import Sampling
from espnet_prodiff.diffusion import Denoiser, NoiseSchedule, diffusion_loss


class Network(nn.Module):
    def __init__(self, n_mels: int, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(n_mels + channels + 1, 32, 3, padding=1)
        self.last = nn.Conv1d(32, n_mels, 3, padding=1)

    def forward(self, x_t, noise_cond, cond, mask=None):  # (B, C, L), (B,)
        level = noise_cond[:, None, None].expand(-1, 1, x_t.shape[2])
        return self.last(self.first(torch.cat([x_t, cond, level], dim=1)).relu())


class ToyTTS(DiffusionTTS):
    def __init__(self, idim, odim, *, channels=8, diffusion_steps=16, num_steps=None,
                 distilled_times=None, espnet_prodiff=CHECKPOINT_FORMAT):  # fmt: skip
        super().__init__()
        self.idim, self.odim, self.eos = idim, odim, idim - 1
        self.embedding = nn.Embedding(idim, channels)
        self.duration = nn.Linear(channels, 1)
        schedule = NoiseSchedule.cosine(diffusion_steps)
        self.set_diffusion(
            Denoiser(Network(odim, channels), schedule, noise_cond="alpha"),
            lambda denoiser, x_0, cond, mask, generator, cond_inputs: diffusion_loss(
                denoiser, x_0, cond, mask, times="continuous", generator=generator
            ),
            num_steps=num_steps,
            distilled_times=distilled_times,
            checkpoint_format=espnet_prodiff,
        )

    def condition(self, tokens, durations):
        hidden = self.embedding(tokens)
        rows = [h.repeat_interleave(d, 0) for h, d in zip(hidden, durations)]  # noqa: B905
        cond = nn.utils.rnn.pad_sequence(rows, batch_first=True).transpose(1, 2)
        return self.duration(hidden).squeeze(-1), cond

    def forward(self, text, text_lengths, feats, feats_lengths, durations, **_):
        tokens, lengths = append_eos(text, text_lengths, self.eos)
        inputs = {"tokens": tokens, "durations": durations}
        log_durations, cond = self.condition(**inputs)
        mel = feats.transpose(1, 2)
        mask = length_mask(feats_lengths, mel.shape[2], mel.dtype)
        loss = self.objective(self.denoiser, mel, cond, mask, None, inputs)
        errors = (log_durations - (durations + 1).log()) ** 2
        loss = loss + (errors * length_mask(lengths, errors.shape[1], mel.dtype)).mean()
        return loss, {"loss": loss.detach()}, torch.tensor(len(text))

    def inference(self, text: Tensor, alpha=1.0, callback=None, durations=None,
                  use_teacher_forcing=False, **options):  # fmt: skip
        sampling = Sampling(**options)
        tokens, lengths = append_eos(text[None], torch.tensor([len(text)]), self.eos)
        log_durations = self.duration(self.embedding(tokens)).squeeze(-1)
        frames = durations_from_log(log_durations, lengths, alpha)
        frames = durations[None] if use_teacher_forcing else frames
        _, cond = self.condition(tokens, frames)
        noise = UtteranceNoise([cond.shape[2]], sampling.seed, sampling.temperature)
        times = self.times(sampling.num_steps, sampling.schedule)
        x_T = noise(cond.new_empty(1, self.odim, cond.shape[2]))
        mel = self.denoise(x_T, times, cond, None, sampling, noise, callback)
        return {"feat_gen": mel[0].T, "duration": frames[0]}
