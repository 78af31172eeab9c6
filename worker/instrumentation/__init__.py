"""Report what happens in a worker, apart from its logic: one file a backend."""
