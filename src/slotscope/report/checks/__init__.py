"""What the checks said: in a terminal, as a page, JSON and JUnit's XML."""
