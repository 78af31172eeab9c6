"""Judge a Redis server: its version, settings, memory and clock."""
