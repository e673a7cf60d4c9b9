#!/usr/bin/python3
"""`./dev bench all`: every bench, one after another, and one table of all figures.

Takes some hours and 60 GB of disk at full size; nothing else should use the machine meanwhile. Exit 0: all figures met (or
--quick), 1: one missed, 2: a bench failed; the others are made all the same.
"""

import json
import subprocess
import sys
from pathlib import Path

from bench_cluster import say
from bench_figures import Figure, print_table
from bench_options import bench_parser

# In the order of what they measure: the main job, audits, usage, what becomes of findings, the console.
BENCHES = ("expire", "findings", "audits", "usage", "ingest", "watch", "anomaly", "anomaly-speed", "rotation", "mail", "console",
           "import", "audit")


def parse_arguments():
    parser = bench_parser(__doc__, quick="little data")
    parser.set_defaults(out="build/benchmarks.json")
    return parser.parse_args()


def measure(bench, options):
    """@returns the run as it is kept, or None when it failed."""
    result = Path(options.out).with_suffix(f".{bench}.json").resolve()
    result.unlink(missing_ok=True)
    flags = [flag for flag in ("--quick", "--record", "--keep") if getattr(options, flag[2:])]
    say(bench)
    subprocess.run([sys.executable, str(Path(__file__).with_name(f"{bench}.py")), "--program", options.program,
                    "--dir", options.dir, "--out", str(result), *flags], check=False)
    if not result.exists():
        return None
    run = json.loads(result.read_text())
    result.unlink()
    return run


def main():
    options = parse_arguments()
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    runs = {bench: measure(bench, options) for bench in BENCHES}
    figures = [Figure(**{**figure, "name": f"{bench}: {figure['name']}"})
               for bench, run in runs.items() if run for figure in run["figures"]]
    print()
    print_table(figures)
    Path(options.out).write_text(json.dumps([run for run in runs.values() if run], indent=1) + "\n")
    print(f"written to {options.out}")
    failed = [bench for bench, run in runs.items() if not run]
    if failed:
        print(f"bench: failed: {', '.join(failed)}", file=sys.stderr)
        return 2
    if options.quick:
        print("quick: all benches work; their figures are not judged")
        return 0
    return int(any(figure.met is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
