"""Show what is stored: snapshots, explanations and the events of a stream."""
