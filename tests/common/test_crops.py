"""Training clips: waves and mels cut at the same place."""

import torch
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from espnet_prodiff.common.crops import draw_crops

HOP = 4


def numbered(lengths):
    """Waves that count their samples from 1, mels with the first of each frame."""
    speech = torch.zeros(len(lengths), max(lengths))
    frames = [n // HOP + 1 for n in lengths]
    feats = torch.zeros(len(lengths), max(frames), 2)
    for row, (n, f) in enumerate(zip(lengths, frames, strict=True)):
        speech[row, :n] = torch.arange(n) + 1
        feats[row, :f] = (torch.arange(f) * HOP + 1)[:, None]
    return speech, list(lengths), feats, frames


def test_waves_and_mels_start_at_the_same_sample():
    torch.manual_seed(0)
    starts = set()
    for _ in range(50):
        crops = draw_crops(*numbered([41, 103, 64]), crop_frames=5, hop_length=HOP)
        assert crops.mask is None
        first = crops.wav[:, 0, 0]
        torch.testing.assert_close(crops.mel[:, 0, 0], first)
        steps = torch.arange(20.0) + first[:, None]
        torch.testing.assert_close(crops.wav[:, 0], steps)
        torch.testing.assert_close(crops.mel[:, 1], steps[:, ::HOP])
        starts |= {int(first[2]) // HOP}
    assert starts == set(range(12))  # 16 whole frames, 5 of them: every place is drawn


def test_short_utterances_are_whole_and_masked():
    wav, mel, mask, _ = draw_crops(*numbered([9, 3, 40]), 5, HOP)
    assert wav.shape == (3, 1, 20) and mel.shape == (3, 2, 5)
    torch.testing.assert_close(mask.sum((1, 2)), torch.tensor([9.0, 3.0, 20.0]))
    torch.testing.assert_close(wav[0, 0, :9], torch.arange(9.0) + 1)
    assert not wav[0, 0, 9:].any() and not wav[1, 0, 3:].any()
    torch.testing.assert_close(mel[0, 0], torch.tensor([1.0, 5, 9, 0, 0]))
    torch.testing.assert_close(mel[1, 0], torch.tensor([1.0, 0, 0, 0, 0]))


def test_a_wave_gives_the_same_alone_and_beside_a_longer_one():
    alone = draw_crops(*numbered([9]), 5, HOP)
    beside = draw_crops(*numbered([9, 90]), 5, HOP)
    for a, b in zip(alone, beside, strict=True):
        torch.testing.assert_close(a[0], b[0])


def test_a_generator_repeats_the_crops():
    crops = [
        draw_crops(*numbered([400]), 5, HOP, torch.Generator().manual_seed(3))
        for _ in range(2)
    ]
    torch.testing.assert_close(crops[0].wav, crops[1].wav)


def test_frames_are_where_espnet_centres_them():
    """An impulse at sample hop * k is loudest in frame k, the clip's frame 0."""
    extract = LogMelFbank(
        fs=16000, n_fft=64, hop_length=16, n_mels=4, fmin=0, fmax=8000
    )
    speech = torch.zeros(1, 16 * 40)
    speech[0, 16 * 20] = 1.0
    feats, lengths = extract(speech, torch.tensor([speech.shape[1]]))
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        frames = lengths.tolist()
        crops = draw_crops(speech, [640], feats, frames, 8, 16, generator)
        impulse = crops.wav[0, 0].nonzero()
        if len(impulse):
            assert crops.mel[0].sum(0).argmax() == int(impulse) // 16
            assert int(impulse) % 16 == 0
