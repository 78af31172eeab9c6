"""Survey many token records at little cost, by one worker for all that have its settings."""
