"""Tell to which app and hosts authorizations belong, and which of them workers cannot use."""
