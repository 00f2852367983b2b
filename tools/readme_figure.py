"""Draw the figure of the README, from a run of Keras 2.1.

python -m tools.readme_figure docs/_static/velocity.svg
"""

from __future__ import annotations

import sys
from os import PathLike

import matplotlib.pyplot as plt

from slotscope.engines import engine
from slotscope.report.figures.velocity import velocity_figure
from slotscope.story.one_weight import train


def draw(path: str | PathLike[str]) -> None:
    """Train on twelve batches of one constant gradient, and save the figure."""
    mu, eta, x = 1 / 2, 1 / 4, 4
    recording, _ = train(engine("keras-2.1"), [x] * 12, mu, eta)
    figure = velocity_figure(recording, -x, mu, eta)
    # The same run draws the same file: no date, and names that are no random numbers.
    with plt.rc_context({"svg.hashsalt": "slotscope"}):
        figure.savefig(path, facecolor="white", metadata={"Date": None})


if __name__ == "__main__":
    draw(*sys.argv[1:])
