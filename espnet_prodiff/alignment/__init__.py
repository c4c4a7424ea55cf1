"""Durations without an outside aligner: text and audio in, ESPnet's files out."""

from espnet_prodiff.alignment.errors import AlignmentError

__all__ = ["AlignmentError"]
