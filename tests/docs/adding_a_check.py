#!/usr/bin/python3
"""Follows docs/adding-a-check.md word by word in a copy of the source, builds it and runs the test that it adds.

That the walk-through names every file it takes, and no other, is what this proves. The copy is kept in --dir, so that a
second time builds only what changed.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]

# Where the walk-through says that a block without a file name goes: (what it begins with, file, line it follows).
PLACES = [
    ("    std::chrono::microseconds scopeless_after", "common/config/config.h",
     r"    std::chrono::microseconds usage_admin_unused_after.*\n"),
    ('    {.path = "policy.defaults.scopeless_after"', "common/config/options.cpp",
     r'    \{\.path = "policy\.defaults\.usage\.admin_unused_after",\n(?:.*\n)*?.*\}\},\n'),
    ("    # How old a key without any scope", "config/keyrota.yaml", r"      admin_unused_after: 30d\n"),
    ("  #   scopeless_after", "config/keyrota.yaml", r"  #     admin_unused_after: 14d\n"),
    ('    plan.add_standing("KEY-SCOPELESS"', "jobs/expire_keys/expire_keys.cpp",
     r"    plan\.add_incremental\(\"KEY-EXPIRES-SOON\".*\n"),
    ('        {"KEY-SCOPELESS"', "common/notify/advice.cpp", r'         "whoever it is can continue\."\},\n'),
]


def blocks(page):
    """(file name or None, text) of each fenced block."""
    for found in re.finditer(r"(?:File `([^`]+)`:\n\n)?```\w+\n(.*?)```", page, re.S):
        yield found[1], found[2]


def left_out(name):
    """Of the tests only those that run here are compiled: the walk-through's own, and what holds the configuration together."""
    return re.fullmatch(r"tests/(jobs|unit)/\w+_test\.cpp", name) and name != "tests/unit/config_test.cpp"


def copy_to(target):
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=SOURCE, check=True, capture_output=True,
                           text=True).stdout.split("\n")
    for name in files:
        if not name or left_out(name) or not (SOURCE / name).is_file():
            continue
        text = (SOURCE / name).read_bytes()
        copy = target / name
        if copy.is_file() and copy.read_bytes() == text:
            continue  # keeps its age, and is not compiled again
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(text)


def follow(page, target):
    for name, text in blocks(page):
        if name:
            (target / name).parent.mkdir(exist_ok=True)
            (target / name).write_text(text)
            continue
        place = [p for p in PLACES if text.startswith(p[0])]
        assert len(place) == 1, f"the walk-through does not say where this goes:\n{text}"
        _, name, after = place[0]
        before = (target / name).read_text()
        found = re.search(after, before)
        assert found, f"{name} has no {after}"
        (target / name).write_text(before[: found.end()] + text + before[found.end():])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", required=True, help="where the copy is made and built")
    target = Path(parser.parse_args().dir).resolve()
    target.mkdir(parents=True, exist_ok=True)
    copy_to(target)
    follow((SOURCE / "docs/adding-a-check.md").read_text(), target)
    build = target / "build"
    # Unoptimised: it is compiled for a handful of tests.
    if not (build / "build.ninja").exists():
        subprocess.run(["cmake", "-S", target, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=None",
                        "-DCMAKE_CXX_COMPILER=clang++", "-DCMAKE_CXX_FLAGS=-O0 -w"],  # in half of GCC's time
                       check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", build, "--target", "keyrota", "jobs_tests", "unit_tests", "--", "--quiet"],
                   check=True)
    with open(target / "docs/configuration.md", "wb") as page:  # as `./dev docs` does
        subprocess.run([build / "keyrota", "config", "reference"], check=True, stdout=page)
    tests = subprocess.run([build / "tests/jobs_tests", "--gtest_filter=Scopeless*", "--gtest_brief=1"], cwd=target,
                           capture_output=True, text=True)
    sys.stdout.write(tests.stdout)
    # Exactly the two tests of the walk-through, and what is documented of the configuration is still true.
    if tests.returncode != 0 or "2 tests from 1 test suite ran" not in tests.stdout:
        sys.exit(1)
    sys.exit(subprocess.run([build / "tests/unit_tests", "--gtest_filter=*Config*:Options*", "--gtest_brief=1"],
                            cwd=target).returncode)


if __name__ == "__main__":
    main()
