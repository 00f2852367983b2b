"""What ``slotscope.result`` keeps in a notebook, and what is read from there."""
