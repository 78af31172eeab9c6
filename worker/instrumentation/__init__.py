"""Report what happens in a worker, apart from its logic, to backends of one file each."""
