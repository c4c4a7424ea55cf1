import pytest
import torch

from tests.prodiff.factory import make_batch, make_prodiff

EXTRAS = {
    "plain": ({}, {}),
    "speakers": (dict(spks=4), dict(sids=torch.tensor([[1], [2], [3]]))),
    "languages": (dict(langs=3), dict(lids=torch.tensor([[1], [2], [0]]))),
    "x-vector": (dict(spk_embed_dim=6), dict(spembs=torch.randn(3, 6))),
    "x-vector, concatenated": (
        dict(spk_embed_dim=6, spk_embed_integration_type="concat"),
        dict(spembs=torch.randn(3, 6)),
    ),
    "style": (
        dict(
            use_gst=True,
            gst_conv_layers=2,
            gst_conv_chans_list=(4, 4),
            gst_gru_units=8,
            gst_heads=2,
        ),
        {},
    ),
    "conformer": (
        dict(
            encoder_type="conformer",
            conformer_rel_pos_type="latest",
            conformer_enc_kernel_size=3,
        ),
        {},
    ),
    "legacy conformer": (
        dict(encoder_type="conformer", conformer_enc_kernel_size=3),
        {},
    ),
}


@pytest.fixture(params=EXTRAS, name="case")
def _case(request):
    """A model of every kind of conditioning, and a batch for it."""
    options, inputs = EXTRAS[request.param]
    return make_prodiff(**options), make_batch(**inputs)
