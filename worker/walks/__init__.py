"""Keep where the sync of a whole shop stands."""
