"""The command ``slotscope``, as a person types it, in this process."""

from click.testing import CliRunner

from slotscope.cli import main


def command(*words):
    """What became of ``slotscope WORDS``."""
    return CliRunner().invoke(main, [*map(str, words)])
