"""What only a test or a demo may do to the sandbox, all of it unsigned and under /_sandbox."""
