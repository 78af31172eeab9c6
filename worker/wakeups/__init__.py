"""Learn that work is due, and take it."""
