"""From a trained model to speech: texts, vocoders, packed models, decoding."""
