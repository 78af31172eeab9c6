"""Read URLs that name several hosts."""
