"""Define the documents that commands print with --json."""
