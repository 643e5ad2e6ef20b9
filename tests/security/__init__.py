"""What the open internet sends, and what of it has any effect."""
