"""Read facts of any stream: the ids of its entries, and its consumer groups."""
