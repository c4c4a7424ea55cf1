import shutil

import pytest

from tests.integration.corpus import collect_stats, make_corpus, train

TEACHER = "conf/debug/train_prodiff.yaml"
DIFFWAVE = "conf/debug/train_diffwave.yaml"


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Corpus with statistics; a test that changes it works on a copy."""
    root = make_corpus(tmp_path_factory.mktemp("corpus"))
    collect_stats(root, TEACHER)
    return root


@pytest.fixture(scope="session")
def teacher(corpus):
    """Experiment directory of a teacher of 4 steps."""
    return train(corpus, TEACHER, corpus / "exp" / "tts_teacher")


@pytest.fixture(scope="session")
def vocoder(corpus):
    """Experiment directory of a DiffWave on the same mels."""
    return train(corpus, DIFFWAVE, corpus / "exp" / "tts_diffwave")


@pytest.fixture
def teacher_copy(teacher, tmp_path):
    """The teacher, for a test that changes it."""
    return shutil.copytree(teacher, tmp_path / "tts_teacher", symlinks=True)
