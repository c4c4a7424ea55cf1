"""Overfit one utterance: its text in, its mel out."""

import torch

from tests.prodiff.factory import inference_inputs, make_batch, make_prodiff


def test_one_utterance_is_learnt():
    model = make_prodiff(denoiser_channels=32).train()
    batch = make_batch((6,))
    # Speech is smooth along time; white noise would look like the diffusion's noise.
    batch["feats"] = torch.nn.functional.avg_pool1d(
        batch["feats"].transpose(1, 2), 5, 1, 2
    ).transpose(1, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(250):
        optimizer.zero_grad()
        model(**batch)[0].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()
    row = inference_inputs(batch, 0)
    mel = model.inference(**row, use_teacher_forcing=True, seed=0)["feat_gen"]
    error = (mel - row["feats"]).abs().mean() / row["feats"].abs().mean()
    assert error < 0.35
