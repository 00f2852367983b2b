"""Persistence: what is saved comes back, and training goes on as if never interrupted."""
