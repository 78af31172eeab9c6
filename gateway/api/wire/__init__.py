"""Define the calls of the API: their bodies, their queries, and the problems that answer wrong ones."""
