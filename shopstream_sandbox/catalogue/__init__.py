"""Make up the products of a seller's shop, and keep what was changed of them."""
