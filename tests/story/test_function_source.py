"""The body of a function is shown without its head."""

import functools

from slotscope.story.function_source import body


def documented(number):
    """A docstring
    of two lines."""
    # Why, not what.
    if number:
        return 1
    return 2


@functools.lru_cache
def decorated(
    first,
    second,
):
    return (
        first + second
    )  # fmt: skip


def only_described():
    """There is nothing else."""


def test_docstring_and_signature_are_left_out():
    assert body(documented) == "if number:\n    return 1\nreturn 2"


def test_decorators_are_left_out():
    assert body(decorated).startswith("return (\n    first + second\n)")


def test_a_docstring_alone_is_the_body():
    assert body(only_described) == '"""There is nothing else."""'


def test_a_method_is_not_indented():
    class Holder:
        def method(self):
            return self

    assert body(Holder.method) == "return self"
