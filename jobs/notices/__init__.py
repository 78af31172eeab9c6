"""Take in what TikTok's webhooks tell: pushed stock, and the end of consents."""
