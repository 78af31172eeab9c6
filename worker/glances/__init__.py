"""Keep the state of each shop at a glance, for all who look at many shops."""
