"""The pictures of an evaluation, each by a function ``plot_*``."""
