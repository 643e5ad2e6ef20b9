"""What every call to a marketplace is made of, and what its answers mean."""
