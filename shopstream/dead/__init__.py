"""Show, requeue and drop dead letters."""
