"""Show progress, and define the documents that commands print with --json."""
