"""Runnable examples: `python -m examples.demo` and the code of the README."""
