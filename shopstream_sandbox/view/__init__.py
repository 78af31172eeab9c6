"""Tell products as each of TikTok's calls does: detail, search, inventory."""
