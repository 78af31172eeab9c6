"""Bound the share of Redis's memory up to which ids are claimed."""

from shopstream.redis.standards.server_standards import FULL, ROOM

__all__ = ["FULL", "ROOM"]
