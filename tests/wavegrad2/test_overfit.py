"""Overfit one utterance: its text in, its wave out."""

import torch
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from tests.wavegrad2.factory import FS, HOP, make_wavegrad2

N_MELS, UPDATES = 20, 600
DURATIONS = torch.tensor([10, 14, 12, 5])
TONES = (500.0, 1500.0, 900.0, 0.0)  # Hz; the end is silent


def utterance():
    """A tone for each token, with a harmonic, and the noise floor of a recording."""
    samples = int(DURATIONS.sum() - 1) * HOP + 5
    hertz = torch.tensor(TONES).repeat_interleave(DURATIONS).repeat_interleave(HOP)
    phase = 2 * torch.pi * hertz[:samples].cumsum(0) / FS
    tone = 0.2 * phase.sin() + 0.05 * (2 * phase).sin()
    return tone + 0.003 * torch.randn(samples)


def test_one_utterance_is_learnt():
    torch.manual_seed(1)
    features = LogMelFbank(fs=FS, n_fft=128, hop_length=HOP, n_mels=N_MELS)
    speech = utterance()
    model = make_wavegrad2(
        n_mels=N_MELS,
        embed_dim=16,
        encoder_channels=16,
        encoder_dropout=0.0,
        zoneout=0.0,
        predictor_dropout=0.0,
        decoder_channels=(24, 24, 24, 16, 16),
        decoder_pre_channels=24,
        decoder_in_channels=8,
        window_frames=20,
        diffusion_steps=100,
        beta_start=1e-4,
        beta_end=0.15,
        prediction_type="v",
        loss="l2",
        wave_scale=7.0,
        mel_loss_weight=1.0,
    ).train()
    mel = features(speech[None])[0]
    text = torch.tensor([1, 2, 3])

    data = dict(text=text, feats=mel[0], speech=speech, durations=DURATIONS)
    batch = {name: row.expand(4, *row.shape) for name, row in data.items()}
    batch |= {f"{k}_lengths": torch.full((4,), len(row)) for k, row in data.items()}
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, UPDATES)
    for _ in range(UPDATES):
        loss, _, _ = model(**batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.eval()
    output = model.inference(text, num_steps=20, seed=0)
    assert (output["duration"] - DURATIONS).abs().max() <= 1
    truth, mel_of_output = mel[0], features(output["wav"][None])[0][0, : mel.shape[1]]
    frames = len(truth) - int(DURATIONS[-1])
    audible = truth[:frames] > truth.max() - 1.5  # within 30 dB of the loudest
    error = (mel_of_output - truth)[:frames][audible].abs().mean()
    assert error < 0.2  # 4 dB
    loudest = (mel_of_output.argmax(1) - truth.argmax(1))[:frames].abs() <= 1
    assert loudest.float().mean() > 0.9
