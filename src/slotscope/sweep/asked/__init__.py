"""What a sweep was asked for: combinations of values, and which of their runs are due."""
