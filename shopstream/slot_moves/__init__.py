"""Move slots of a cluster to another node without a new epoch."""
