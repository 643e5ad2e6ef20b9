"""Help for a shop's own tests."""
