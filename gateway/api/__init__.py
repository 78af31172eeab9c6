"""Answer the HTTP API under /v1, on the private port."""
