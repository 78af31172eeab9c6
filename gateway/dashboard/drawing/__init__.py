"""Write numbers and times in words, and draw charts. Pure."""
