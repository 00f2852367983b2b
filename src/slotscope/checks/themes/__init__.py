"""The checks: one function a sentence, one file a theme, and nothing else."""
