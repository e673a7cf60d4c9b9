#!/usr/bin/python3
"""`./dev bench anomaly`: how well the detector tells incidents from the life of a key, beside what others do.

Keys, their incidents and what only looks like one are synthetic (anomaly_data.py), a year's half of hours each; the first four
weeks are not scored. The detector runs as `keyrota anomalies eval`, fed by a pipe. False alarms per key-year come first:
precision depends on how many incidents there are.

Needs python3-numpy and the program; no database. Exit 0: all figures met (or --quick), 1: one missed, 2: the bench failed.
"""

import csv
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from anomaly_data import CSV_HEADER, HOURS, SHARES, TYPES, csv_rows, make_keys
from anomaly_methods import METHODS, error_rule
from anomaly_score import Scores, score_raw
from bench_figures import Figure, conclude
from bench_options import bench_parser

SENSITIVITIES = (.8, 1, 1.25, 1.5, 2)
GOALS = {"leak": .72, "ramp": .88, "errors": .82, "drop": .82, "wake": .98, "level": .80}


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def parse_arguments():
    parser = bench_parser(__doc__, quick="60 keys")
    parser.add_argument("--keys", type=int, default=2000, help="for each seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103])
    parser.add_argument("--sensitivities", type=float, nargs="+", default=SENSITIVITIES)
    parser.add_argument("--no-others", action="store_true", help="only the detector")
    parser.add_argument("--write", metavar="FILE", help="write the labelled series of the first seed there, and end")
    options = parser.parse_args()
    if options.quick:
        options.keys, options.seeds, options.sensitivities = 60, options.seeds[:1], (1,)
    return options


class Detector:
    """One `keyrota anomalies eval` for each sensitivity, all fed with the same series at the same time."""

    def __init__(self, program, sensitivities, place):
        self.alarms = {m: Path(place) / f"alarms-{m}.csv" for m in sensitivities}
        self.runs = [subprocess.Popen([program, "anomalies", "eval", "--input", "-", "--sensitivity", str(m), "--alarms",
                                       str(self.alarms[m])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                     for m in sensitivities]
        self.feed(CSV_HEADER)

    def feed(self, text):
        for run in self.runs:
            run.stdin.write(text)

    def finish(self):
        """@returns by sensitivity, by series: the hours of alarms that an owner is mailed."""
        for run in self.runs:
            run.communicate()
            if run.returncode:
                raise RuntimeError(f"keyrota anomalies eval exited {run.returncode}")
        return {m: self.read(path) for m, path in self.alarms.items()}

    @staticmethod
    def read(path):
        opened = defaultdict(list)
        with open(path, encoding="utf-8", newline="") as file:
            for alarm in csv.DictReader(file):
                if alarm["mailed"] == "1":
                    opened[int(alarm["series"])].append(int(alarm["hour"]))
        return opened


class AnomalyBench:
    def __init__(self, options):
        self.options = options
        self.keys = []  # without their hours, if no other method needs them
        self.requests, self.errors = [], []
        self.rows, self.details = [], {"seeds": options.seeds, "keys": options.keys}

    def generate(self, detector):
        for seed in self.options.seeds:
            for key in make_keys(seed, self.options.keys):
                self.keys.append(key)
                detector.feed(csv_rows(len(self.keys), key))
                if not self.options.no_others:
                    self.requests.append(key.requests.astype(np.float32))
                    self.errors.append(key.errors.astype(np.float32))
                key.requests = key.errors = None
            say(f"seed {seed}: {len(self.keys):,} keys so far")

    def run(self):
        with tempfile.TemporaryDirectory() as place:
            detector = Detector(self.options.program, self.options.sensitivities, place)
            self.generate(detector)
            alarms = detector.finish()
        cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime / len(self.options.sensitivities)
        say(f"eval: {1e9 * cpu / (len(self.keys) * HOURS):.0f} ns of CPU a key-hour, reading the file included")
        self.scores = {}
        for m, opened in alarms.items():
            scores = Scores()
            for number, key in enumerate(self.keys, 1):
                scores.add(key, np.array(opened[number], dtype=np.int64))
            self.scores[m] = scores
            self.note(f"detector, sensitivity {m:g}", scores)
        if not self.options.no_others:
            self.compare()
        self.show()

    def compare(self):
        requests, errors = np.array(self.requests), np.array(self.errors)
        bad = error_rule(requests, errors)
        for name, (method, thresholds) in METHODS.items():
            for threshold in thresholds:
                self.note(name.format(threshold), score_raw(self.keys, method(requests, threshold) | bad))
            say(name.split(",")[0])

    def note(self, name, scores):
        one = scores.all
        self.rows.append((name, f"{one.false_per_year:.3f}", f"{one.precision:.2f}", f"{one.recall:.2f}", f"{one.f1:.2f}",
                          f"{one.delay:.0f} h"))

    def show(self):
        table("method", ("false alarms a key-year", "precision", "recall", "F1", "median delay"), self.rows)
        main = self.scores[1]
        table("class of key", ("false alarms a key-year", "incidents", "precision", "recall", "median delay"),
              [(kind, f"{s.false_per_year:.3f}", f"{s.incidents}", f"{s.precision:.2f}", f"{s.recall:.2f}", f"{s.delay:.0f} h")
               for kind in SHARES for s in (main.classes[kind],)])
        table("incident", ("incidents", "recall", "median delay"),
              [(label, f"{s.incidents}", f"{s.recall:.2f}", f"{s.delay:.0f} h") for label in TYPES for s in (main.types[label],)])

    def figures(self):
        main = self.scores[1].all
        goals = [most("false alarms a key-year", main.false_per_year, .09), least("precision", main.precision, .87),
                 least("recall", main.recall, .80), least("F1", main.f1, .85)]
        goals += [least(f"recall, {label}", self.scores[1].types[label].recall, goal) for label, goal in GOALS.items()]
        if 1.5 in self.scores:
            goals.append(most("false alarms a key-year, sensitivity 1.5", self.scores[1.5].all.false_per_year, .035))
        return goals


def most(name, value, goal):
    return Figure(name, f"{value:.3f}", "-", None, f"<= {goal:g}", value <= goal)


def least(name, value, goal):
    return Figure(name, f"{value:.3f}", "-", None, f">= {goal:g}", value >= goal)


def table(first, columns, rows):
    """As docs/ has it."""
    print(f"\n| {first} | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def write(options):
    with open(options.write, "w", encoding="utf-8") as file:
        file.write(CSV_HEADER)
        for number, key in enumerate(make_keys(options.seeds[0], options.keys), 1):
            file.write(csv_rows(number, key))
    return 0


def run(options):
    if options.write:
        return write(options)
    bench = AnomalyBench(options)
    bench.run()
    bench.details["rows"] = bench.rows
    return conclude(options, bench.figures(), bench.details)


if __name__ == "__main__":
    try:
        sys.exit(run(parse_arguments()))
    except (OSError, RuntimeError) as error:
        print(f"anomaly: {error}", file=sys.stderr)
        sys.exit(2)
