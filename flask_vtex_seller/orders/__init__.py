"""Orders between marketplace and shop: placed, authorized, canceled."""
