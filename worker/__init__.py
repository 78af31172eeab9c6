"""Provide the means of the work: clients, locks, scripts and the process that holds them together."""
