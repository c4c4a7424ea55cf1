"""Exported voices behind HTTP: OpenAI's speech endpoint, metrics and a page."""
