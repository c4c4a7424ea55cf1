"""Our mel matrix is librosa's."""

import librosa
import numpy as np
import pytest

from espnet_prodiff.common.mel_matrix import mel_matrix


@pytest.mark.parametrize("htk", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        dict(sr=22050, n_fft=1024, n_mels=80, fmin=80, fmax=7600),
        dict(sr=16000, n_fft=512, n_mels=80, fmin=0, fmax=8000.0),
        dict(sr=44100, n_fft=2048, n_mels=128, fmin=20),
    ],
)
def test_it_is_librosas(options, htk):
    mine = mel_matrix(**options, htk=htk)
    theirs = librosa.filters.mel(**options, htk=htk)
    assert mine.dtype == theirs.dtype == np.float32
    np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-9)
