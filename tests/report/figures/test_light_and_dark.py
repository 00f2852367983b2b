"""The colours of a report's figures can be seen on its page."""

import pytest
from matplotlib.colors import to_rgb

from slotscope.report.figures.light_and_dark import shades

#: Of checks.css: the page in the light and in the dark.
PAGE = ("#ffffff", "#14171d")


def luminance(colour):
    """As WCAG 2 defines it."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in to_rgb(colour)
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("count", [2, 5, 12])
def test_each_colour_of_a_scale_has_a_contrast_of_3_to_its_page(count):
    for shade in shades(count, ordered=True):
        for colour, page in zip(shade, PAGE, strict=True):
            low, high = sorted((luminance(colour), luminance(page)))
            assert (high + 0.05) / (low + 0.05) >= 3
