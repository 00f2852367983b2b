"""What is known beforehand: known differences, and what must be refused."""
