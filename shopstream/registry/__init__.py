"""Read shops, their settings and troubles, and the living workers; change settings."""
