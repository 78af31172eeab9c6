"""Read URLs of Redis: that of one server, and those that name several hosts."""
