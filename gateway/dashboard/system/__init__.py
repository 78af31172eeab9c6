"""Show streams, groups, dead letters, workers, consents and the audit trail, find ids, and take changes of them."""
