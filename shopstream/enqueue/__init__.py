"""Request work, and watch its progress."""
