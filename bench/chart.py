"""The picture in the README: what one find_one costs, by driver."""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt

from .drivers import NO_LOOP, OURS
from .results import Results

CASE = "find_one@100"
TEXT = "#7d858f"
"""A grey that can be read on white and on black: the background is left to the page."""
COLORS = {"uvloop": "#2e9e6b", "asyncio": "#5b8fd6"}


def write(results: Results, path: Path) -> None:
    matplotlib.use("svg")
    for part in ("text", "xtick", "ytick"):
        plt.rc(part, color=TEXT)
    plt.rc("axes", edgecolor=TEXT, labelcolor=TEXT)
    plt.rc("font", size=12)
    # Text stays text, and the same figures give the same file.
    plt.rc("svg", fonttype="none", hashsalt="bench")
    drivers = [driver for driver in results.drivers if NO_LOOP not in driver.loops]
    figure, axes = plt.subplots(figsize=(9, 1.6 + 0.75 * len(drivers)))
    height = 0.8 / len(results.loops)
    for row, loop in enumerate(results.loops):
        for place, driver in enumerate(drivers):
            found = results.figures.get(driver.name, loop, CASE)
            if not found:
                continue
            at = place + (row - (len(results.loops) - 1) / 2) * height
            label = loop if place == 0 else None
            axes.barh(
                at, found.median, height * 0.92, color=COLORS[loop], alpha=1 if driver is OURS else 0.6, label=label
            )
            end = (found.median, at)
            axes.annotate(f"{found.median:.0f}", end, xytext=(5, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(drivers)), [driver.title for driver in drivers])
    axes.get_yticklabels()[0].set_fontweight("bold")
    axes.invert_yaxis()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("CPU microseconds a find_one, 100 concurrent (lower is better)")
    axes.legend(frameon=False, loc="lower right")
    figure.text(0.01, 0.01, f"{results.conditions()}.\nCanned replies from another core: the driver alone.", fontsize=8)
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
