"""Checks of the protocol's statements, over anything that answers HTTP."""
