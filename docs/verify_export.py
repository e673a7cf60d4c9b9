#!/usr/bin/python3
"""Verifies what `keyrota audit export` wrote, with Python and OpenSSL alone: nothing of keyrota is used.

    verify_export.py trail.jsonl [--public-key keyrota.pem] [--head HEIGHT:HASH ...]

Reads line by line; of the whole trail it recomputes every entry, every block, how the blocks follow each other, and the
signature of the head. Of a part of it (--key, --since, ...) it recomputes each entry, and each block that is there whole.
Give the public key from where you keep it: the one in the file proves nothing to somebody who does not trust the file.
Exit 0: intact, 1: broken, 2: it cannot be read.
"""

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

GENESIS = hashlib.sha256(b"keyrota audit trail").digest()


class Broken(Exception):
    pass


def require(holds, what):
    if not holds:
        raise Broken(what)


class Block:
    def __init__(self, line):
        self.height, self.entries_total = line["height"], line["entries_total"]
        self.hash = bytes.fromhex(line["block_hash"])
        self.previous_hash = bytes.fromhex(line["previous_hash"])
        self.digest = hashlib.sha256(f"{line['height']},{line['block_id']},{line['entries_total']},".encode())
        self.digest.update(self.previous_hash)
        self.entries = 0

    def take(self, line):
        digest = hashlib.sha256(line["payload"].encode()).digest()
        require(digest.hex() == line["entry_hash"], f"entry {line['entry_id']} is not what its hash says")
        require(line["height"] == self.height and bytes.fromhex(line["block_hash"]) == self.hash,
                f"entry {line['entry_id']} stands below the wrong block")
        self.digest.update(digest)
        self.entries += 1

    def end(self, whole):
        if self.entries != self.entries_total:
            require(not whole, f"block {self.height} was sealed with {self.entries_total} entries and has {self.entries}")
            return
        require(self.digest.digest() == self.hash, f"block {self.height} or one of its entries was altered")


def verify_signature(line, public_key):
    message, signature = line.rsplit(" ", 1)
    require(signature != "-", "the head is not signed")
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("key", public_key.encode()), ("message", message.encode()),
                              ("signature", base64.b64decode(signature))):
            (Path(folder) / name).write_bytes(content)
        done = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", f"{folder}/key", "-rawin", "-in", f"{folder}/message",
             "-sigfile", f"{folder}/signature"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    require(done.returncode == 0, "the head's signature is not of this key")


def verify(lines, public_key, kept):
    first = json.loads(next(lines))
    require(first.get("keyrota_audit_export") == 1, "this is no export that is understood here")
    whole, block, height, last_hash, blocks, entries = first["whole"], None, 0, GENESIS, 0, 0
    head = None
    for text in lines:
        require(head is None, "something follows the head")
        line = json.loads(text)
        if line["kind"] == "entry":
            require(block is not None, "an entry without a block")
            block.take(line)
            entries += 1
            continue
        if block is not None:
            block.end(whole)
            last_hash = block.hash
        if line["kind"] == "head":
            head = line
            continue
        block = Block(line)
        if whole:
            require(block.height == height + 1, f"block {height + 1} is missing")
            require(block.previous_hash == last_hash, f"block {block.height} does not follow block {height}")
        require(block.height > height, f"block {block.height} comes after block {height}")
        height, blocks = block.height, blocks + 1
        require(kept.pop(height, block.hash.hex()) == block.hash.hex(), f"block {height} is not the one that was kept")
    require(head is not None, "the file was cut off: there is no head")
    words = head["line"].split(" ")
    require(words[:2] == ["keyrota-head", "v1"] and words[2] == first["installation"], "this is another trail's head")
    require((int(words[3]), words[4]) == (head["height"], head["hash"]), "the head contradicts itself")
    if whole:
        require((height, last_hash.hex()) == (head["height"], head["hash"]), "the head is not the last block")
        require(not kept, f"block {min(kept, default=0)} was kept and is missing")
    verify_signature(head["line"], public_key or first["public_key"])
    return f"{'the whole trail' if whole else 'a part of the trail'}: {entries} entries in {blocks} blocks, head {height}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--public-key", help="PEM, from where you keep it")
    parser.add_argument("--head", action="append", default=[], metavar="HEIGHT:HASH", help="a head that you kept")
    options = parser.parse_args()
    kept = {int(height): digest for height, digest in (head.split(":") for head in options.head)}
    try:
        public_key = Path(options.public_key).read_text() if options.public_key else None
        with open(options.file, encoding="utf-8") as lines:
            print("intact, " + verify(lines, public_key, kept))
    except Broken as broken:
        print(f"broken: {broken}")
        return 1
    except (OSError, ValueError, KeyError, StopIteration) as error:
        print(f"cannot be read: {error!r}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
