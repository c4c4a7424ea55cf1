"""The contract of a model, and what several models are built from."""
