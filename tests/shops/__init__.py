"""A shop's life with real workers: consent, first load, warehouses, pushes, backup, end."""
