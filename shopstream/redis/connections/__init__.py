"""Define the connections of redis-py that we use."""
