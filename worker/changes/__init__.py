"""Find changes with pure functions."""
