"""Inbound HTTP: the routes, who may call them, how bodies are read and problems answered."""
