"""Check the whole system, and name the remedy of each fault. Nothing is changed."""
