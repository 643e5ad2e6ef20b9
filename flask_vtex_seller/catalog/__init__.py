"""SKUs at the marketplace: change notifications, suggestions, and what of them was accepted."""
