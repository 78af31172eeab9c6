"""Decide when the next call may leave."""
