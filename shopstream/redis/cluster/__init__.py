"""Reach a Redis Cluster by one client: each command goes to the node that has its key."""
