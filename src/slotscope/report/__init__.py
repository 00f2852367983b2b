"""The only place that draws, prints or writes what a person looks at."""
