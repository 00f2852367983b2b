"""The runs of a sweep: in a terminal, as a page and as a table."""
