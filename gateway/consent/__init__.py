"""Lead a seller from an invite through TikTok's consent and back."""
