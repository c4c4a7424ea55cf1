"""What several models are built from. Torch only."""
