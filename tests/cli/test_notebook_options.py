"""What no command can do with a notebook is told before any kernel starts, and exits with 2."""

import pytest
from commands import refused
from sweep_cases import kernelspec, write

from slotscope.sweep.declared.notebook_file import read_notebook
from slotscope.sweep.executed.kernel_check import check_kernel

pytestmark = pytest.mark.usefixtures("no_kernel")


@pytest.mark.parametrize("verb", ["run", "sweep", "parameters"])
def test_what_is_no_notebook_is_refused(tmp_path, verb):
    words = {"run": ["-o", "out.ipynb"], "sweep": ["--out", "runs"], "parameters": []}[verb]
    assert "No such file" in refused(verb, tmp_path / "no.ipynb", *words)
    for content, problem in (("no", "it is not JSON"), ("{}", "it has no `nbformat`")):
        (tmp_path / "some.ipynb").write_text(content)
        said = refused(verb, tmp_path / "some.ipynb", *words)
        assert f"is not a notebook: {problem}" in said
    path = write(tmp_path / "some.ipynb", "x = 1", tag=None)
    given = [] if verb == "parameters" else ["-p", "x=1"]
    assert "the tag `parameters`" in refused(verb, path, *words, *given)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A kernel of each language, by its name."""
    for language in ("python", "R", "klingon"):
        name = f"my{language.lower()}"
        kernelspec(monkeypatch, tmp_path / "share", name, ["no"], language)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("verb", ["run", "sweep"])
@pytest.mark.parametrize(
    ("language", "kernel", "said"),
    [
        ("R", "mypython", "The kernel 'mypython' runs python, and"),
        ("python", "myr", "The kernel 'myr' runs R, and"),
        ("klingon", "myklingon", "in which papermill can't write values"),
    ],
)
def test_a_kernel_that_can_run_no_such_notebook_is_told_once(
    tmp_path, verb, language, kernel, said
):
    spec = {"name": "other", "display_name": "Other", "language": language}
    path = write(tmp_path / "some.ipynb", "x = 1", kernelspec=spec)
    out = tmp_path / "out"
    words = ["-p", "x=2", "--kernel", kernel, "-o" if verb == "run" else "--out", out]
    assert said in refused(verb, path, *words)
    assert not out.exists()


@pytest.mark.usefixtures("installed")
def test_papermill_writes_values_in_r(tmp_path):
    spec = {"name": "myr", "display_name": "R", "language": "R"}
    check_kernel(read_notebook(write(tmp_path / "some.ipynb", "x <- 1", kernelspec=spec)), "")
