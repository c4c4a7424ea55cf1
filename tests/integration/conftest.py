import logging
import shutil

import pytest

from espnet_prodiff.bin import tts_train
from espnet_prodiff.recipe import phase
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
def phases_here(monkeypatch, caplog):
    """Phases of ``bin.distill`` train in this process: starting one takes seconds."""

    def run_jobs(jobs, progress, single):
        for job in jobs:
            module, *options = job.command[4:]
            assert module == "espnet2.bin.tts_train"
            log = logging.FileHandler(job.log)
            logging.getLogger().addHandler(log)
            try:
                tts_train.main(options)
            finally:
                logging.getLogger().removeHandler(log)
                log.close()

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(phase, "run_jobs", run_jobs)


@pytest.fixture
def teacher_copy(teacher, tmp_path):
    """The teacher, for a test that changes it."""
    return shutil.copytree(teacher, tmp_path / "tts_teacher", symlinks=True)
