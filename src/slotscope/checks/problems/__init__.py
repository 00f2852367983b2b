"""Small exact problems, ways of training and of saving, and what came of them."""
