"""Connect to Redis, name its keys, run scripts and classify its errors, for services and workers alike."""
