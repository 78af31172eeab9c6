"""Reach the primary that Redis Sentinel names, through every failover."""
