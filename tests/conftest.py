import os

import pytest

# Two cores: processes started by the tests must not fight for them.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def peak_memory():
    """Return a function: the most bytes that torch holds at a time in ``run()``."""
    import torch  # after OMP_NUM_THREADS is set

    def measure(run):
        with torch.no_grad(), torch.profiler.profile(profile_memory=True) as profile:
            run()
        events = [e for e in profile.profiler.kineto_results.events() if e.nbytes()]
        sizes = [e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())]
        return int(torch.tensor(sizes).cumsum(0).max())

    return measure


@pytest.fixture(scope="session")
def exported_slt(tmp_path_factory):
    """Folder of the package's voice as `espnet-prodiff export` writes it."""
    from filelock import FileLock

    from espnet_prodiff.export.voice import export_voice

    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # one export for all of them
        root = root.parent
    folder = root / "exported_slt"
    with FileLock(root / "exported_slt.lock"):
        if not (folder / "voice.json").is_file():
            export_voice("slt", folder)
    return folder
