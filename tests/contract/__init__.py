"""Our bodies against the marketplace's published OpenAPI file, read where it lies; nothing of it is copied here."""
