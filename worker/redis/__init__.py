"""Connect the worker to Redis, and load its scripts."""
