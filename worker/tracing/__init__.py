"""Spans of a worker: imported only where traces are on. Each takes the place of a part that it extends."""
