"""Trim, re-encrypt, forget."""
