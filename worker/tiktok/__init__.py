"""TikTok Shop's Partner API as a marketplace: signing, the HTTP client, tokens and which answer is which error."""
