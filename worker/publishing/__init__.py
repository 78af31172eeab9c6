"""Store an answer and publish its changes in one step."""
