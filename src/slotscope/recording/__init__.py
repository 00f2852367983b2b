"""What watching a training run leaves: events, optimizer variables, and a row for each step."""
