"""Keep the progress of the sync of a whole shop."""
