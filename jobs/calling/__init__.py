"""Call TikTok by one policy."""
