"""The orders of every channel, and the admin pages that move them on."""
