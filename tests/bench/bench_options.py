"""What every bench is told in the same words."""

import argparse


def bench_parser(doc, quick, repeats=None):
    """@param doc: the bench's own, of which the first line describes it. @param quick: what --quick makes of it."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--program", default="build/keyrota", help="the keyrota to measure")
    if repeats:
        parser.add_argument("--repeats", type=int, default=repeats, help="of what is measured; medians are told (%(default)s)")
    parser.add_argument("--dir", default="/var/tmp", help="where servers and files go while it measures")
    parser.add_argument("--keep", action="store_true", help="leave them where they are")
    parser.add_argument("--out", help="write figures and every single measurement there, as JSON")
    parser.add_argument("--record", action="store_true", help="put the figures into docs/benchmarks.json and .md")
    parser.add_argument("--quick", action="store_true", help=quick + ": whether the bench works; judges no figure")
    return parser
