"""A person opens a notebook in JupyterLab and runs it on a warm kernel."""

import nbformat
import pytest
from browser_cases import chromium
from selenium.webdriver.support.wait import WebDriverWait
from waiting import HANGS
from warm_cases import notebook

from slotscope.kernels import servers

pytestmark = pytest.mark.browser

CELLS = (
    "import os, sys\nprint('numpy' in sys.modules, os.getpid())",
    "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])",
    "input('who? ')",
    "6 * 7",
)


@pytest.fixture
def browser():
    started = chromium()
    yield started
    started.quit()


def count(browser, selector):
    return browser.execute_script(f"return document.querySelectorAll('{selector}').length")


def outputs(browser):
    """The text of every output, and how many figures are shown."""
    script = """
        const shown = document.querySelectorAll(".jp-OutputArea-output");
        const figures = document.querySelectorAll(".jp-OutputArea-output img");
        return [Array.from(shown).map(output => output.innerText.trim()), figures.length];
    """
    return browser.execute_script(script)


def test_a_notebook_runs_in_jupyterlab(lab, warm, browser, tmp_path):
    cells = notebook(*CELLS)
    cells.metadata.kernelspec = {"name": warm, "display_name": "Warm", "language": "python"}
    nbformat.write(cells, tmp_path / "story.ipynb")
    browser.get(lab.page("story.ipynb"))
    wait = WebDriverWait(browser, HANGS)
    wait.until(lambda b: b.execute_script("return Boolean(window.jupyterapp)"))
    wait.until(
        lambda b: b.execute_script("return document.querySelectorAll('.jp-Cell').length") == 4
    )
    wait.until(lambda b: lab.ask("GET", "kernels") and servers.known())
    browser.execute_script("jupyterapp.commands.execute('notebook:run-all-cells')")

    wait.until(
        lambda b: b.execute_script("return document.querySelectorAll('.jp-Stdin-input').length")
    )
    browser.execute_script(
        """
        const field = document.querySelector(".jp-Stdin-input");
        field.value = "me";
        field.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
        """
    )
    wait.until(lambda b: "42" in outputs(b)[0])
    texts, figures = outputs(browser)
    (server,) = servers.known()
    (kernel,) = server.ask(do="status")["kernels"]
    assert f"True {kernel}" in texts
    assert figures == 1
    assert "'me'" in texts
