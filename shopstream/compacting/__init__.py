"""Train dictionaries on the states that Redis has, choose the one in use, and rewrite states by it."""
