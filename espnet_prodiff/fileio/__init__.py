"""Files: tables, audio, yaml, checkpoints, figures, and atomic writes."""
