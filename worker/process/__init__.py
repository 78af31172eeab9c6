"""Start a worker, run its slots, send its heartbeat and end it."""
