"""Store a shop's entry, its standing and its warehouses."""
