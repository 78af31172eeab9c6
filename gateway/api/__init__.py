"""Answer operators and programs over HTTP: ask for syncs, and read shops, streams, dead letters and workers."""
