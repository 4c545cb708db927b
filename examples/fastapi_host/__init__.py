"""A host on FastAPI."""
