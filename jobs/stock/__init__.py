"""Fetch stock by batch."""
