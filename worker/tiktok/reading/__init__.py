"""Read and normalize TikTok's answers with pure functions."""
