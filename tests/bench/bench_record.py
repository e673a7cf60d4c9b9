#!/usr/bin/python3
"""What was measured last: docs/benchmarks.json, and the tables of docs/benchmarks.md that are made of it.

The page's words are written by hand; what stands between `<!-- figures: NAME -->` and `<!-- end -->` is not. `--check` says
whether the page agrees with the file (0) or not (1).
"""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
RECORDS = SOURCE / "docs/benchmarks.json"
PAGE = SOURCE / "docs/benchmarks.md"
STARTED = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
LOAD_BEFORE = os.getloadavg()[0]
NOT_OF_THE_MEASUREMENT = ("program", "dir", "keep", "out", "record", "quick")


def described(options, figures, details):
    """A run, as it is kept."""
    return {
        "bench": Path(sys.argv[0]).stem,
        "options": {name: value for name, value in vars(options).items() if name not in NOT_OF_THE_MEASUREMENT},
        "started": STARTED,
        "load": [round(LOAD_BEFORE, 2), round(os.getloadavg()[0], 2)],
        "machine": machine(),
        "commit": commit(),
        "figures": [asdict(figure) for figure in figures],
        "details": details,
    }


def machine():
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) / 2**20
    server = first_line(["/usr/lib/postgresql/15/bin/postgres", "--version"])
    return (f"{os.cpu_count()} processors ({processor[1].strip() if processor else os.uname().machine}),"
            f" {memory:.0f} GiB, {server.replace(' (PostgreSQL)', '').replace('postgres', 'PostgreSQL')}")


def commit():
    """With `-dirty` where something else than records has changed since."""
    git = ["git", "-C", str(SOURCE)]
    changed = first_line([*git, "status", "--porcelain", "--", ":/", *(f":!/{path.relative_to(SOURCE)}" for path in (RECORDS, PAGE))])
    return first_line([*git, "rev-parse", "--short", "HEAD"]) + ("-dirty" if changed else "")


def first_line(argv):
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def record(run):
    """Takes the place of an earlier run of the same bench with the same options, in the file and on the page."""
    records = json.loads(RECORDS.read_text()) if RECORDS.exists() else []
    kept = {key: value for key, value in run.items() if key != "details"}
    same = [i for i, old in enumerate(records) if what(old) == what(kept)]
    if same:
        records[same[0]] = kept
    else:
        records.append(kept)
    records.sort(key=lambda r: r["bench"])
    RECORDS.write_text(json.dumps(records, indent=1) + "\n")
    PAGE.write_text(page_of(records))


def what(run):
    """Repeats and seeds do not make another measurement of it."""
    return run["bench"], {name: value for name, value in run["options"].items() if name not in ("repeats", "seed")}


def page_of(records):
    def tables(found):
        runs = [run for run in records if run["bench"] == found[1]]
        return f"<!-- figures: {found[1]} -->\n{''.join(table(run) for run in runs)}\n<!-- end -->"
    return re.sub(r"<!-- figures: (\S+) -->\n.*?<!-- end -->", tables, PAGE.read_text(), flags=re.S)


def table(run):
    rows = "".join(
        f"| {f['name']} | {f['measured']} | {'' if f['floor'] == '-' else f['floor']} |"
        f" {'' if f['ratio'] is None else format(f['ratio'], '.2f')} | {'' if f['goal'] == '-' else f['goal']}"
        f"{': **missed**' if f['met'] is False else ''} |\n" for f in run["figures"])
    return (f"\n| figure | measured | floor | ratio | goal |\n|---|---|---|---|---|\n{rows}\n"
            f"{run['started']}, {run['commit']}, {run['machine']}; load {run['load'][0]} before and {run['load'][1]} after.\n")


def main():
    if sys.argv[1:] != ["--check"]:
        sys.exit(__doc__)
    records, page = json.loads(RECORDS.read_text()), PAGE.read_text()
    unshown = [run["bench"] for run in records if f"<!-- figures: {run['bench']} -->" not in page]
    if unshown:
        sys.exit(f"docs/benchmarks.md has no place for {unshown[0]}: <!-- figures: {unshown[0]} --> and <!-- end -->")
    if page_of(records) != page:
        sys.exit("docs/benchmarks.md does not show what docs/benchmarks.json holds: its tables are made by"
                 " `./dev bench NAME --record`, not by hand")


if __name__ == "__main__":
    main()
