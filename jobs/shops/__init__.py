"""Consent, and how shops stand."""
