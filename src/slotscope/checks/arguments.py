"""Bad arguments: what a constructor and a step must refuse, with a clear error."""
