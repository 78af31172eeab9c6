"""Read events as a group, in order."""
