"""``python -m slotscope`` is the same as ``slotscope``."""

from slotscope.cli import main

if __name__ == "__main__":
    main(prog_name="slotscope")
