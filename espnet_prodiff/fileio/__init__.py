"""Files: tables, audio, yaml, checkpoints, and one atomic write."""
