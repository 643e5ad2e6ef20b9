"""What a shop inherits for its own tests."""
