"""Read what is known of products and SKUs."""
