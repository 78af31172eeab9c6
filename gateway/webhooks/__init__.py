"""Verify TikTok's webhooks and write them to Redis before they are answered."""
