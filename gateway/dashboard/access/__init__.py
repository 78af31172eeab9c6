"""Decide who may see and change: sessions, the origin of requests, and the trail of changes."""
