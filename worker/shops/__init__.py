"""Keep a shop's registry entry, its standing and its warehouses."""
