"""Invite sellers to consent, and judge the consents that come back."""
