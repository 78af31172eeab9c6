"""Make the secrets of a new deployment."""
