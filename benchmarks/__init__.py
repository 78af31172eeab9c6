"""The measurements behind docs/: `make bench`. Real processes on the loopback, counted by the sandbox."""
