"""Durations without an outside aligner: text and audio in, ESPnet's files out."""
