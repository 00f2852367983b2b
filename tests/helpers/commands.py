"""The command ``slotscope``, as a person types it, in this process."""

from click.testing import CliRunner

from slotscope.cli import main


def command(*words):
    """What became of ``slotscope WORDS``."""
    return CliRunner().invoke(main, [*map(str, words)])


def refused(*words):
    """What is said of a command that was asked for wrongly, on one line."""
    done = command(*words)
    assert done.exit_code == 2, done.output
    return " ".join(done.output.split())
