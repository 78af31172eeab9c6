"""The worker's pool and scripts."""
