"""Show how the system runs: workers, consumer groups, and a check of everything."""
