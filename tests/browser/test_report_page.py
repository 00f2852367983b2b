"""The page of a sweep, as a person finds it in a browser. Needs Chromium and its driver."""

import json
from urllib.parse import unquote, urlsplit

import pytest
from browser_cases import chromium
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait
from sweep_folders import failure, make, run, thousand
from waiting import HANGS

from slotscope.report.runs import sweep_page
from slotscope.report.runs.folder import scan

pytestmark = pytest.mark.browser

RUNS = [
    run({"rate": 0.5, "optimizer": "SGD"}, {"loss": 2.0}),
    run({"rate": 0.25, "optimizer": "Adam"}, {"loss": 10.0}),
    run({"rate": 4.0, "optimizer": "SGD"}, error=failure("the loss is <b>nan</b>")),
    run({"rate": 0.125, "optimizer": "SGD"}, {"loss": float("nan")}),
    run({"rate": 0.0625, "optimizer": "Adam"}, {"loss": 0.5}),
]


@pytest.fixture(scope="module")
def start():
    """Start Chromium without a window, of some width, in the light or in the dark."""
    started = []

    def start(**options):
        started.append(chromium(**options))
        return started[-1]

    yield start
    for browser in started:
        browser.quit()


@pytest.fixture(scope="module")
def browser(start):
    return start()


def written(folder, runs):
    """The page of these runs, in their folder."""
    path = make(folder, runs) / "report.html"
    sweep_page.write(scan(folder), path)
    return path


@pytest.fixture
def page(tmp_path):
    return lambda runs: written(tmp_path / "a folder, ü", runs)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The page of a thousand runs."""
    return written(tmp_path_factory.mktemp("large"), thousand())


def visit(browser, path):
    browser.get_log("browser"), browser.get_log("performance")  # of the pages before
    browser.get(path.as_uri())
    WebDriverWait(browser, HANGS).until(
        lambda browser: browser.execute_script("return document.documentElement.dataset.ready")
    )
    return browser


@pytest.fixture
def opened(browser, page):
    return lambda runs: visit(browser, page(runs))


def headings(browser):
    return browser.find_elements(By.CSS_SELECTOR, "#table thead tr:first-child > *")


def place(browser, name):
    return [cell.text.strip() for cell in headings(browser)].index(name)


def sort(browser, name):
    headings(browser)[place(browser, name)].click()


def filter_of(browser, name):
    """The cell below the heading of a column, which filters it."""
    cells = browser.find_elements(By.CSS_SELECTOR, "#table thead tr:nth-child(2) > *")
    return cells[place(browser, name)]


def column(browser, name):
    """The texts of a column, as they are shown from the top down."""
    selector = f"#table tbody td:nth-child({place(browser, name) + 1})"
    return [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, selector)]


def find(browser, text):
    field = browser.find_element(By.CSS_SELECTOR, ".dt-search input")
    field.clear()
    field.send_keys(text)


def requests(browser):
    """The paths that the page asked for; what it holds itself has an address without one."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        urlsplit(message["params"]["request"]["url"])
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    return [unquote(url.path) for url in asked if url.scheme not in ("data", "blob")]


def test_the_failed_run_is_first_and_its_error_above_all(opened):
    browser = opened(RUNS)
    assert column(browser, "status") == ["failed", "done", "done", "done", "done"]
    assert column(browser, "run") == ["2", "0", "1", "3", "4"]
    assert browser.find_element(By.CLASS_NAME, "headline").text == "1 of 5 runs failed, 4 are done."
    failed = browser.find_element(By.CLASS_NAME, "failure")
    assert "the loss is <b>nan</b>" in failed.text
    assert failed.location["y"] < browser.find_element(By.ID, "table").location["y"]


def test_an_error_is_seen_beside_its_run_however_many_results_there_are(opened):
    names = [f"parameter_{n}" for n in range(5)]
    results = {f"result_{n}": f"some long words {n}" for n in range(4)}
    browser = opened(
        [
            run(dict.fromkeys(names, f"value {n}"), {k: f"{v} {n}" for k, v in results.items()})
            for n in range(3)
        ]
        + [run(dict.fromkeys(names, "a value"), error=failure("the loss is nan"))]
    )
    (error,) = browser.find_elements(By.CSS_SELECTOR, "#table tr.failed td.long")
    assert error.text == "ValueError: the loss is nan"
    assert error.location["x"] + error.size["width"] < browser.execute_script("return innerWidth")


def test_a_click_sorts_by_number_and_what_is_none_comes_last(opened):
    browser = opened(RUNS)
    sort(browser, "loss")
    assert column(browser, "loss")[:3] == ["0.5", "2", "10"]
    sort(browser, "loss")
    assert column(browser, "loss")[:3] == ["10", "2", "0.5"]
    assert sorted(column(browser, "loss")[3:]) == ["", "nan"]
    sort(browser, "run")
    assert column(browser, "run") == ["0", "1", "2", "3", "4"]


def test_a_text_filters(opened):
    browser = opened(RUNS)
    find(browser, "adam")
    assert column(browser, "run") == ["1", "4"]
    assert "1 to 2 of 2 runs (of 5)" in browser.find_element(By.CLASS_NAME, "dt-info").text
    find(browser, "nothing like it")
    assert "No run fits." in browser.find_element(By.ID, "table").text


def test_a_column_filters_by_number_and_by_choice(opened):
    browser = opened(RUNS)
    rate = filter_of(browser, "rate").find_element(By.TAG_NAME, "input")
    rate.send_keys("0.25")
    assert column(browser, "run") == ["1"]
    rate.send_keys(Keys.BACKSPACE * len("0.25"))
    assert len(column(browser, "run")) == len(RUNS)
    filter_of(browser, "optimizer").find_element(By.TAG_NAME, "button").click()
    choices = browser.find_elements(By.CSS_SELECTOR, ".dtcc-list-buttons button")
    assert [choice.text for choice in choices] == ["Adam", "SGD"]
    choices[0].click()
    assert column(browser, "optimizer") == ["Adam", "Adam"]


def test_nothing_comes_from_elsewhere_and_nothing_goes_wrong(browser, large):
    visit(browser, large)
    assert requests(browser) == [str(large)]
    assert browser.get_log("browser") == []


def test_links_lead_to_the_executed_notebooks(opened):
    browser = opened(RUNS)
    links = browser.find_elements(By.CSS_SELECTOR, "#table tbody a, .failure li a")
    assert len(links) == 6
    for link in links:
        path = unquote(urlsplit(link.get_attribute("href")).path)
        with open(path, encoding="utf-8") as file:
            assert json.load(file)["nbformat"] == 4


def test_figures_are_drawn_and_have_words(opened):
    browser = opened(RUNS)
    (image,) = browser.find_elements(By.TAG_NAME, "img")
    assert browser.execute_script("return arguments[0].naturalWidth", image) > 300
    assert image.get_attribute("alt").startswith("loss over rate, points coloured by optimizer.")


def test_a_thousand_runs_are_paged_and_sorted(browser, large):
    visit(browser, large)
    assert len(column(browser, "run")) == 50
    sort(browser, "run")
    assert column(browser, "run")[:3] == ["0", "1", "2"]


def test_it_fits_a_narrow_window(start, large):
    browser = visit(start(width=400), large)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 400


def contrast(browser, selector):
    """The contrast of a text to what is behind it, as WCAG 2 defines it."""
    return browser.execute_script(
        """
        const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
        const light = (colour) => {
          const linear = parts(colour).slice(0, 3).map((part) => part / 255)
            .map((p) => p <= 0.04045 ? p / 12.92 : ((p + 0.055) / 1.055) ** 2.4);
          return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        };
        const text = document.querySelector(arguments[0]);
        let behind = text;
        const colour = () => getComputedStyle(behind).backgroundColor;
        while (parts(colour())[3] < 0.5) behind = behind.parentElement; // nearly clear
        const both = [light(getComputedStyle(text).color), light(colour())];
        const [low, high] = both.sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
        """,
        selector,
    )


TEXTS = [
    *[
        "h1",
        ".headline",
        ".failure pre",
        ".failure a",
        "figcaption",
        ".dt-info",
        ".dt-search input",
    ],
    *["#table th", "#table td", "#table a", "#table .failed .status", "#table .done .status"],
    *["#table thead input", ".dtcc-dropdown button.dtcc-button", ".dtcc-dropdown input"],
    *[".dt-paging-button.current", ".dt-length select"],
]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_can_be_read_in_the_light_and_in_the_dark(start, page, dark):
    browser = visit(start(dark=dark), page(RUNS))
    background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 23, 29)" if dark else "rgb(255, 255, 255)")
    filter_of(browser, "optimizer").find_element(By.TAG_NAME, "button").click()
    found = {text: contrast(browser, text) for text in TEXTS}
    assert {text: value for text, value in found.items() if value < 4.5} == {}
