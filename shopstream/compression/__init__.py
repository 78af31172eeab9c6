"""Compress the values that Redis keeps most of, by dictionaries that it keeps beside them."""
