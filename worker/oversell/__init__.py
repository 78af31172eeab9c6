"""Recheck fast sellers sooner."""
