"""Fast diffusion speech synthesis as a plugin for ESPnet2."""

__version__ = "0.1.0"
