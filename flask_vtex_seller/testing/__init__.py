"""Help for a shop's own tests."""

from .failures import failing_placement

__all__ = ["failing_placement"]
