"""Read by the processes only, and handed down as plain values."""
