"""A TikTok Shop to run against: signed API, tokens, catalogue, hidden quotas, faults. See shopstream_sandbox/README.md.

It imports nothing of shopstream, so it can't share its mistakes; the unmodified `tiktok-shop-api` SDK is its judge.
"""
