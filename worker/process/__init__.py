"""Run one process: its start, slots, heartbeat and end."""
