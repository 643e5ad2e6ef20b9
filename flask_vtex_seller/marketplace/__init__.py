"""Calls to the marketplace: which there are, whom they may reach, what their answers mean."""
