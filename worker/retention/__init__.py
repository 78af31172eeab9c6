"""Trim streams, and count the entries that groups lose."""
