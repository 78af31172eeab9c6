"""Fetch the details of the products that were asked for."""
