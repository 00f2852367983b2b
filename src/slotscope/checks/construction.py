"""Construction: what is built, how often, and that building again leaves it alone."""
