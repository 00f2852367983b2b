"""Chromium without a window, for tests that look at a page. It and its driver must be installed."""

import os
import shutil

from selenium import webdriver
from selenium.webdriver.chrome.service import Service


def program(*names):
    """The first of these programs that is installed; without one, the test fails."""
    found = next(filter(None, map(shutil.which, names)), None)
    assert found, f"no {names[0]} is installed: apt-get install chromium chromium-driver"
    return found


def chromium(width=1280, dark=False):
    """A started browser, of some width, in the light or in the dark."""
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium", "google-chrome", "chromium-browser")
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
    for argument in ("--headless=new", "--disable-dev-shm-usage", scheme, *sandbox):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(program("chromedriver")))
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    started.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    return started
