"""What `bench.py` measures, and how: subjects, turns, child processes, report."""
