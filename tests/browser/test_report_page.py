"""The page of a sweep, as a person finds it in a browser. Needs Chromium and its driver."""

import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from slotscope.report.runs import read_runs
from slotscope.report.runs_html import write_page
from sweep_folders import failure, make, run

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window. Where there is none, these tests fail: they are asked for."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert browser, "no chromium: apt-get install chromium chromium-driver"
    assert driver, "no chromedriver: apt-get install chromium chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1280,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    yield started
    started.quit()


@pytest.fixture
def opened(browser, tmp_path):
    def opened(runs):
        folder = make(tmp_path / "runs", runs)
        page = write_page(read_runs(folder), folder, folder / "report.html")
        browser.get(page.as_uri())
        WebDriverWait(browser, 20).until(
            lambda browser: browser.execute_script("return document.documentElement.dataset.ready")
        )
        return browser

    return opened


def shown(browser, column):
    cells = browser.find_elements(By.CSS_SELECTOR, f"#table tbody td:nth-child({column})")
    return [cell.text for cell in cells]


RUNS = [
    run({"rate": 0.5}, {"loss": 2.0}),
    run({"rate": 0.25}, {"loss": 10.0}),
    run({"rate": 4.0}, error=failure("the loss is <b>nan</b>")),
    run({"rate": 0.125}, {"loss": 3.0}),
]


def test_the_failed_run_is_first(opened):
    assert shown(opened(RUNS), 2) == ["failed", "done", "done", "done"]
