"""Secrets, rights, TLS, keys and hostile input, over real processes."""
