"""WaveGrad 2: a wave of a text. Imports ESPnet, hence on demand."""
