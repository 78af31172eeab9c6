"""Trim, re-encrypt, forget, and set webhook subscriptions."""
