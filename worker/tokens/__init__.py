"""Keep token pairs encrypted, with one refresh for all."""
