"""Own partitions for a while: leases, the tenure that a lease gives, and the order of the entries in it."""
