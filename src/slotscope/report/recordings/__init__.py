"""A recording as a figure."""
