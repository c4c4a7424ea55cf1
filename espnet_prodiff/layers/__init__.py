"""What several models are built from; no files, nothing of ESPnet's plumbing."""
