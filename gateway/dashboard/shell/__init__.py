"""Serve pages to people who may see them: HTML, what changes on them, and the changes that they make."""
