"""Trim streams, and count lost entries."""
