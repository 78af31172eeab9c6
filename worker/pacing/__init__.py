"""Decide the moment at which the next call may leave."""
