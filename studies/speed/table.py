"""Timings of alternatives as text and as JSON."""

from collections.abc import Mapping
from typing import Any

from yolox_ela.system.text_table import text_table
from yolox_ela.tables.timing import Timing, ratio


def format_timings(
    timings: Mapping[str, Timing], includes: Mapping[str, str], baseline: str
) -> str:
    """A line for each alternative: median and quartiles, and how many times the baseline's time.

    Args:
        timings: by name, of the same rounds.
        includes: what is on the clock, by name.
        baseline: the name to divide by.
    """
    rows = []
    for name, timing in timings.items():
        low, high = timing.quartiles
        factor, factor_low, factor_high = ratio(timing, timings[baseline])
        rows.append(
            [
                name,
                f"{1e3 * timing.median:.1f}",
                f"{1e3 * low:.1f} - {1e3 * high:.1f}",
                f"{factor:.2f}",
                f"{factor_low:.2f} - {factor_high:.2f}",
                includes[name],
            ]
        )
    headers = ["", "median ms", "quartiles", f"times {baseline}", "quartiles", "on the clock"]
    return text_table(headers, rows, align="lrrrrl")


def timings_as_json(
    timings: Mapping[str, Timing], includes: Mapping[str, str], baseline: str
) -> dict[str, Any]:
    """The timings of every round as plain JSON values."""
    return {
        name: {
            "on_the_clock": includes[name],
            "seconds": timing.seconds,
            "median": timing.median,
            "quartiles": list(timing.quartiles),
            f"ratio_to_{baseline}": list(ratio(timing, timings[baseline])),
        }
        for name, timing in timings.items()
    }
