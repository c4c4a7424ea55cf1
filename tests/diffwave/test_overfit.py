"""Overfit one recording: its mel in, its wave out."""

import torch
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from espnet_prodiff.diffwave import DiffWave

FS, HOP, N_MELS, FRAMES, UPDATES = 8000, 32, 20, 40, 400


def recording():
    """Four tones, one after the other, over the noise floor of a recording."""
    hertz = torch.tensor([500.0, 1500.0, 900.0, 2000.0]).repeat_interleave(
        FRAMES * HOP // 4
    )
    phase = 2 * torch.pi * hertz.cumsum(0) / FS
    return 0.25 * phase.sin() + 0.003 * torch.randn(len(hertz))


def test_one_recording_is_learnt():
    torch.manual_seed(1)
    features = LogMelFbank(fs=FS, n_fft=128, hop_length=HOP, n_mels=N_MELS)
    speech = recording()
    mel = features(speech[None])[0]
    model = DiffWave(
        5,
        N_MELS,
        diffwave_layers=6,
        diffwave_channels=16,
        dilation_cycle=6,
        hop_length=HOP,
        sampling_rate=FS,
        diffusion_steps=50,
        beta_end=0.3,
        prediction_type="v",
        wave_scale=5.0,
        crop_frames=20,
    ).train()
    batch = dict(
        text=torch.ones(4, 2, dtype=torch.long),
        feats=mel.expand(4, -1, -1),
        speech=speech.expand(4, -1),
    )
    batch |= {f"{k}_lengths": torch.full((4,), v.shape[1]) for k, v in batch.items()}
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, UPDATES)
    for _ in range(UPDATES):
        loss, _, _ = model(**batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model.eval()
    wav = model.inference(None, feats=mel[0], num_steps=20, seed=0)["wav"]
    truth, output = mel[0, :FRAMES], features(wav[None])[0][0, :FRAMES]
    audible = truth > truth.max() - 1.5  # within 30 dB of the loudest
    assert (output - truth)[audible].abs().mean() < 0.25  # 5 dB
    loudest = (output.argmax(1) - truth.argmax(1)).abs() <= 1
    assert loudest.float().mean() > 0.9
