"""Find what changed. Pure."""
