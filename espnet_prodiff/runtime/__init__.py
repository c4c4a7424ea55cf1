"""Speaking without torch and ESPnet: numpy, onnxruntime, soundfile and inflect."""

from espnet_prodiff.runtime.voice import Voice

__all__ = ["Voice"]
