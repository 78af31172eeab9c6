"""Read shops, their settings and troubles, and the workers."""
