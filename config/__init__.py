"""Settings and logging, which processes alone read and hand down as plain values."""
