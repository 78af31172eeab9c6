"""Refuse calls in TikTok's own words."""
