"""Call TikTok Shop's Partner API: signing, the HTTP client, tokens and the tree of its errors."""
