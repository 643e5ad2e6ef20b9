"""The operations page: what waits, what failed, and the buttons to do something about it."""
