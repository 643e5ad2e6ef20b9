"""Clocks that deliver the outbox: a worker process, an embedded scheduler, a task queue."""
