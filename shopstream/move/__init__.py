"""Move a whole deployment to another Redis with another number of partitions."""
