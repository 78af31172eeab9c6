"""Run real parts in tests: forked programs, Sentinels, a cluster, TLS, a traced worker."""
