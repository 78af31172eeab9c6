"""Share connections, keys, scripts and retries between services and workers."""
