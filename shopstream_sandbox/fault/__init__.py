"""Answer as an upstream should never do."""
