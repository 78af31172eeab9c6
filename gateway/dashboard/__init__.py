"""Show people the state of all shops, live, and let operators change it."""
