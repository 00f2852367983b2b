"""What a notebook takes: its parameters, their types, and values that are held to them."""
