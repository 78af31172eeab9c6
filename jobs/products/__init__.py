"""Fetch the details of requested products."""
