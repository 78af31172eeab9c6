"""The life of a claim, whatever is fetched for it."""
