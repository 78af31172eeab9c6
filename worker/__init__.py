"""Provide the means of the work: clients, locks, scripts and the process that holds them together."""

from config.sparing_imports import import_sparingly

import_sparingly()
