"""Connections, keys, scripts and the errors that pass: all that services and workers share of Redis."""
