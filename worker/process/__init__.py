"""One process's start, slots, beat and end."""
