"""Call TikTok Shop's Partner API as a marketplace: sign, send, decode, and classify errors."""
