"""Say to jobs what a marketplace does, whichever it is: its calls, values and errors."""
