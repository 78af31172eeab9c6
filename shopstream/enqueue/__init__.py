"""Put work in, and see it done."""
