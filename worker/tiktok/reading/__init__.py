"""Read TikTok's answers: their types, and what they say in the one shape. Pure."""
