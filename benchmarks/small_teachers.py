"""Denoisers trained on the fixed conditioning of one trained text side.

It is computed once and the same for all, so that a training takes a minute.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from espnet_prodiff.common.padding import append_eos
from espnet_prodiff.diffusion import Denoiser, NoiseSchedule, diffusion_loss
from espnet_prodiff.evaluation.evaluation_set import read_evaluation_set
from espnet_prodiff.evaluation.mel_inputs import mel_inputs
from espnet_prodiff.evaluation.mel_model import MelModel
from espnet_prodiff.prodiff.loss import l1_ssim_error
from espnet_prodiff.prodiff.network import ProDiffNetwork
from espnet_prodiff.training.task import DiffusionTTSTask

BATCH, FRAMES = 6, 256

Rows = list[tuple[Tensor, Tensor]]  # mel (n_mels, T) and conditioning (C, T)


def conditioned(model_file: Path, name: str) -> Rows:
    """Mels of a set and what a trained text side makes of its texts."""
    model, args = DiffusionTTSTask.build_model_from_file(None, model_file)
    tts, mels = model.eval().tts, MelModel(model, "text side")
    preprocess = DiffusionTTSTask.build_preprocess_fn(args, False)
    data = read_evaluation_set(f"dump/raw/{name}", f"dump/durations/{name}/durations")
    inputs = mel_inputs(data, lambda t: preprocess("", {"text": t})["text"], tts)
    rows = []
    with torch.no_grad():
        for utt in inputs:
            length = torch.tensor([len(utt.text)])
            tokens, lengths = append_eos(utt.text[None], length, tts.eos)
            encoded = tts.encode(tokens, lengths)
            variance = {"pitch": encoded.pitch[0], "energy": encoded.energy[0]}
            if name == "tr_no_dev":
                variance = mels.true_variance(utt)
            pitch, energy = (variance[key][None] for key in ("pitch", "energy"))
            cond = tts.expand(encoded.hidden, utt.durations[None], pitch, energy)
            cond = cond.at_frames()[0]
            rows.append((mels.recorded_mel(utt).T.contiguous(), cond.contiguous()))
    return rows


def batch(rows: Rows, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Random pieces of random utterances: mels, conditioning, mask."""
    mel = torch.zeros(BATCH, rows[0][0].shape[0], FRAMES)
    cond = torch.zeros(BATCH, rows[0][1].shape[0], FRAMES)
    mask = torch.zeros(BATCH, 1, FRAMES)
    for j, i in enumerate(rng.choice(len(rows), BATCH, replace=False)):
        length = rows[i][0].shape[1]
        start = rng.integers(0, max(1, length - FRAMES + 1))
        n = min(FRAMES, length)
        mel[j, :, :n], cond[j, :, :n] = (x[:, start : start + n] for x in rows[i])
        mask[j, :, :n] = 1
    return mel, cond, mask


def train(
    rows: Rows,
    schedule: NoiseSchedule,
    times: str,
    seed: int,
    updates: int,
    lr: float = 1e-3,
    *,
    channels: int = 96,
    layers: int = 10,
    torch_start: bool = False,
) -> Denoiser:
    """Train a denoiser; what comes back is its moving average."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    (mel, cond), *_ = rows
    net = ProDiffNetwork(mel.shape[0], cond.shape[0], channels, layers)
    if torch_start:
        for module in net.modules():
            if isinstance(module, nn.Conv1d):
                module.reset_parameters()
        nn.init.zeros_(net.out_proj.weight)
        nn.init.zeros_(net.out_proj.bias)
    denoiser = Denoiser(net, schedule)
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0
    )
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, lr, total_steps=updates, pct_start=0.1, cycle_momentum=False
    )
    average = {name: value.clone() for name, value in net.state_dict().items()}
    for _ in range(updates):
        mel, cond, mask = batch(rows, rng)
        loss = diffusion_loss(
            denoiser, mel, cond, mask, distance=l1_ssim_error, times=times
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        cycle.step()
        with torch.no_grad():
            for name, value in net.state_dict().items():
                average[name].lerp_(value, 0.01)
    net.load_state_dict(average)
    return denoiser.eval()
