"""Features in pairs: every two arguments that a constructor accepts together do both."""
