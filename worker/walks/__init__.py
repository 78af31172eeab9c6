"""Store the checkpoint of a whole-shop sync."""
