"""Read the stored state of products and SKUs."""
