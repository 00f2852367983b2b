"""The figure of the README is a run of Keras 2.1."""

from tools.readme_figure import draw


def test_the_same_run_draws_the_same_file(tmp_path):
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    draw(first)
    draw(second)
    assert first.read_bytes() == second.read_bytes()
