"""Limit the calls of a shop to an endpoint, and never say the limit."""
