"""Read the published state of products and SKUs."""
