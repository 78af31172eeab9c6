"""Redeem consents, and report the standing of shops."""
