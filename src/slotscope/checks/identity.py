"""Identity: a variable stays the one that it is, as long as it is trained."""
