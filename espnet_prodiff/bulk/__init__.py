"""Millions of sentences: shards of texts, spoken by many workers."""
