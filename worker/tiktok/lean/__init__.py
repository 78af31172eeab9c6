"""Send calls by aiohttp's pool, TLS and parser, without the objects of its session."""
