"""The kit that proves that a shop conforms: it passes a good shop, and bites a broken one."""
