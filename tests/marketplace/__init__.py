"""The promises of worker/marketplace/protocol.py, as tests that any implementation runs against a server of its own."""
