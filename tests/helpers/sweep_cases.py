"""Notebooks for the tests of runs and sweeps."""

import nbformat
from repository_root import ROOT

LOGGED = ROOT / "tests" / "sweep" / "files" / "logged.ipynb"


def write(path, *sources, tag=0, **metadata):
    """A notebook of code cells, one of which has the parameters."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    if tag is not None:
        cells[tag].metadata["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    return path
