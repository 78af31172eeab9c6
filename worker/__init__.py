"""With what the work is done: clients, locks, scripts and the process that holds them together."""
