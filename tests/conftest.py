import os

# Two cores: processes started by the tests must not fight for them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
