"""The stages of ESPnet's ``tts.sh``, 1 to 8 and 10, driven from Python."""
