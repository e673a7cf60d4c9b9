"""Alarms against labelled incidents; the same for every method.

An alarm counts only after 24 h without a raw one. From an incident's start up to 6 h after its end it finds it; up to 48 h
after it is ignored; any other is false. The first four weeks are not scored.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from anomaly_data import HOURS, WEEK

UNSCORED = 4 * WEEK
FOUND_AFTER, IGNORED_AFTER, APART = 6, 48, 24


@dataclass
class Score:
    incidents: int = 0
    delays: list = field(default_factory=list)
    false_alarms: int = 0
    quiet_hours: int = 0

    @property
    def false_per_year(self):
        return self.false_alarms / (self.quiet_hours / 8760) if self.quiet_hours else float("nan")

    @property
    def recall(self):
        return len(self.delays) / self.incidents if self.incidents else float("nan")

    @property
    def precision(self):
        found = len(self.delays)
        return found / (found + self.false_alarms) if found + self.false_alarms else float("nan")

    @property
    def f1(self):
        found = len(self.delays)
        total = self.incidents + found + self.false_alarms
        return 2 * found / total if total else float("nan")

    @property
    def delay(self):
        return median(self.delays) if self.delays else float("nan")


class Scores:
    """All, by class of key, and by type of incident."""

    def __init__(self):
        self.all, self.classes, self.types = Score(), defaultdict(Score), defaultdict(Score)

    def add(self, key, opened):
        """@param opened hours of alarms that open something, ascending."""
        opened = opened[opened >= UNSCORED]
        of_key = [self.all, self.classes[key.kind]]
        quiet, near = HOURS - UNSCORED, np.zeros(len(opened), bool)
        if key.incident:
            start, last = key.incident.start, min(key.incident.end, HOURS) - 1
            quiet -= min(last + IGNORED_AFTER, HOURS - 1) - start + 1
            near = (opened >= start) & (opened <= last + IGNORED_AFTER)
            found = opened[near & (opened <= last + FOUND_AFTER)]
            for score in [*of_key, self.types[key.incident.label]]:
                score.incidents += 1
                if found.size:
                    score.delays.append(int(found[0]) - start)
        for score in of_key:
            score.quiet_hours += quiet
            score.false_alarms += int((~near).sum())


def opening(raw_hours):
    """Of the hours with a raw alarm, those with none in the 24 h before."""
    if raw_hours.size == 0:
        return raw_hours
    return raw_hours[np.diff(raw_hours, prepend=-APART) >= APART]


def score_raw(keys, raw):
    """@param raw an array of keys by hours: where a method alarms."""
    scores = Scores()
    for key, row in zip(keys, raw):
        scores.add(key, opening(np.flatnonzero(row)))
    return scores
