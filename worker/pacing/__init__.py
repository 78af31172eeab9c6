"""Decide when the next call may be sent."""
