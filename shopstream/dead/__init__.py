"""Ids and events that were given up: look, requeue, drop."""
