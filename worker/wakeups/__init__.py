"""Hear that work is due."""
