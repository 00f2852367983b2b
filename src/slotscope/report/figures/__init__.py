"""The figures of the story."""
