"""Executing a notebook by papermill: one run, and many."""
