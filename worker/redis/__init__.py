"""Connect a worker to Redis, and run its scripts."""
