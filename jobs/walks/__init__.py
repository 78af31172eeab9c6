"""Sync whole shops."""
