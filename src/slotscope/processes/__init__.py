"""Everything that starts, limits, feeds or ends another process."""
