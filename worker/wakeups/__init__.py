"""Notice that work is due."""
