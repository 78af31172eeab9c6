"""Export what Redis alone has of a deployment, and import it again: sealed tokens, shops, settings and pauses."""
