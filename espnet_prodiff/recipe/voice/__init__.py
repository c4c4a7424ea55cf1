"""The whole recipe on a prepared corpus, with defaults that fit: your own voice."""
