"""Spell out what happens, one file a job, to be read as prose."""
