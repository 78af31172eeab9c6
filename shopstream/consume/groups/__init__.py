"""List consumer groups with their lag, and delete one."""
