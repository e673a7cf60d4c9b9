"""Figures: what was measured, beside what it is measured against and the goal of performance.md."""

import json
import math
from dataclasses import dataclass
from statistics import median
from typing import Optional

from bench_record import described, record


@dataclass
class Figure:
    name: str
    measured: str  # with its unit
    floor: str  # what it is compared with; "-" for an absolute goal
    ratio: Optional[float]
    goal: str
    met: Optional[bool]  # None: for information


def at_least(name, measured, floor, ratio, goal):
    return Figure(name, measured, floor, ratio, f">= {goal:g}x", ratio >= goal)


def at_most(name, measured, floor, ratio, goal):
    return Figure(name, measured, floor, ratio, f"<= {goal:g}x", ratio <= goal)


def no_more_than(name, value, goal, unit):
    return Figure(name, f"{value:.1f} {unit}", "-", None, f"<= {goal:g} {unit}", value <= goal)


def percentile(values, share):
    """The smallest value that is not exceeded by `share` of all."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def spread(values, unit="s"):
    """Median and extremes, for people."""
    return f"{median(values):.2f} {unit} ({min(values):.2f}..{max(values):.2f})"


def print_table(figures):
    rows = [("figure", "measured", "floor", "ratio", "goal", "met")]
    for f in figures:
        rows.append((f.name, f.measured, f.floor, "-" if f.ratio is None else f"{f.ratio:.2f}", f.goal,
                     "-" if f.met is None else "yes" if f.met else "MISSED"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip(), flush=True)


def conclude(options, figures, details):
    """How every bench ends: shows its figures, keeps them if wanted. Returns the exit code: 1 for a figure that was missed."""
    print()
    print_table(figures)
    run = described(options, figures, details)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            json.dump(run, file, indent=1)
            file.write("\n")
    if options.quick:
        print("quick: the bench works; figures of so little data say nothing, and are neither judged nor recorded")
        return 0
    if options.record:
        record(run)
    return 1 if any(figure.met is False for figure in figures) else 0
