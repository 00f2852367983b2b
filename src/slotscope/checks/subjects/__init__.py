"""The optimizer under test, and variants of it."""
