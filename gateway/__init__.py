"""Take TikTok's webhooks and the sellers' consents, and answer operators and programs over HTTP."""
