"""Read the state of all shops at a glance: one hash a partition, kept by workers."""
