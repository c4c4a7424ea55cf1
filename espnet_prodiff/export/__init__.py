"""Voices for runtimes without torch and ESPnet."""
