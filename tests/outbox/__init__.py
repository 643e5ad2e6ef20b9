"""The outbox: its table, its queries, its drain."""
