"""Store the new state and publish its difference from the last one in one step."""
