"""Check each signed call and answer it."""
