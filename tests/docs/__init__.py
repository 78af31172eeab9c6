"""The pages for people who run it, compared with the code."""
