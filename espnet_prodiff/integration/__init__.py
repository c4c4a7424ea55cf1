"""The rooms that know ESPnet's plumbing."""
