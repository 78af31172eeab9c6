"""Follow a claim from its begin to its end, for products and stock alike."""
