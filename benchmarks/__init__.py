"""What watching costs, measured on the machine at hand: `python -m nox -s bench`."""
