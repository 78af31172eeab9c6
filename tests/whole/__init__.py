"""Whole workers on real parts: each job from its request to its end."""
