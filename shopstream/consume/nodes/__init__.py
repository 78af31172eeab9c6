"""Read the partitions of a cluster, those of each node apart, when news of them comes."""
