"""Define the calls, values and errors of a marketplace, whichever it is."""
