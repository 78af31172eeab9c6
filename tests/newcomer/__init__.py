"""The README as a newcomer uses it: demo, playground, and the code of the page."""
