"""What a developer runs: `python -m tools.bless`, `tools.findings`, `tools.mutants`."""
