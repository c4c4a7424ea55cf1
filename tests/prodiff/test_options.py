import inspect

import pytest
from espnet2.tts.prodiff import ProDiff as Builtin

from espnet_prodiff.prodiff import ProDiff
from tests.prodiff.factory import make_prodiff


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(decoder_type="transformer"), "must be 'diffusion'"),
        (dict(reduction_factor=2), "reduction_factor"),
        (dict(postnet_layers=3), "postnet_layers"),
        (dict(diffusion_scheduler="sigmoid"), "vpsde, cosine, linear"),
        (dict(prediction_type="noise"), "x_0, eps, v"),
        (dict(noise_cond="beta"), "step, alpha, log_snr"),
        (dict(num_steps=8), "between 1 and 4"),
        (dict(denoiser_layer=3), "unknown options: denoiser_layer"),
        (dict(espnet_prodiff=7), "checkpoint format 7"),
    ],
)
def test_impossible_constructor_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_prodiff(**options)


def test_every_option_of_the_builtin_is_accepted():
    theirs = inspect.signature(Builtin).parameters
    ours = inspect.signature(ProDiff).parameters
    assert set(theirs) - set(ours) == set()
    different = {
        name
        for name, parameter in theirs.items()
        if parameter.default is not inspect.Parameter.empty
        and parameter.default != ours[name].default
    }
    assert different == {"diffusion_steps"}  # 4, the paper's, instead of 1000
