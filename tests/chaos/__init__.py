"""Faults that really happen, each judged by one checker: `make chaos`. See docs/reliability.md."""
