"""Messages to the marketplace: rows written in the shop's own transaction, delivered later, until done."""
