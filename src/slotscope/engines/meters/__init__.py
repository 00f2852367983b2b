"""Measuring optimizer variables inside of the step, one file for each framework."""
