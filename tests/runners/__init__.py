"""The clocks that deliver the outbox."""
