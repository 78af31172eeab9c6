"""Store what was seen and publish the difference in one step."""
