"""Claim ids under a lease, and return them."""
