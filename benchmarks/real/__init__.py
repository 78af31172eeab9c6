"""Speed as production has it: TLS, gzip, real latencies, quotas and pushes, beside other designs."""
