"""Many shops, SKUs and workers: memory, calls, starts, and what a fleet costs that has nothing to do."""
