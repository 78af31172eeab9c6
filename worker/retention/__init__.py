"""Trim streams, and count what is lost."""
