"""The same thing, asked in another way, ends the same."""
