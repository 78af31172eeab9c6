"""Show all shops at a glance: the sentence, the squares, the tiles and the tables."""
