"""Show one shop: why it is late, the way of a SKU's change, its pace, syncs and settings. Take changes of it."""
