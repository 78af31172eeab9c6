"""Push signed notifications of what has changed to who has subscribed to them."""
