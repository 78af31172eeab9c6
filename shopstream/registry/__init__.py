"""Shops, their settings and troubles, and the workers."""
