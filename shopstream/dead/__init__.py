"""Inspect, requeue and drop dead letters, and inspect and drop events that a group gave up."""
