"""Have the calls of a pool connect at the same time."""
