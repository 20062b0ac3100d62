"""Sends records into the example's queue, and (with --wait) waits until the viewer has counted them all.

python examples/packets/send.py --count 10000 --wait --name demo
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator

SERVICES = ("web", "web", "web", "web", "search", "search", "search", "billing", "auth", "mail")
SPELLINGS = (str, str.upper, str.title, lambda name: f"  {name} ")
LEVELS = ("info", "INFO", "Warning", None)
CHUNK = 500


def records(count: int, first: int = 0) -> Iterator[dict]:
    """The same records every time, spelled as badly as in real life."""
    for number in range(first, first + count):
        name = SERVICES[number * 7 % len(SERVICES)]
        yield {
            "number": number,
            "service": SPELLINGS[number % len(SPELLINGS)](name),
            "level": LEVELS[number % len(LEVELS)],
            "value": number % 97 / 10,
        }


def expected(count: int, first: int = 0) -> dict[str, int]:
    """What the viewer shows when `records` are all counted."""
    return dict(Counter(SERVICES[number * 7 % len(SERVICES)] for number in range(first, first + count)))


def counted(viewer_url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{viewer_url.rstrip('/')}/counts", timeout=5) as answer:
        return json.load(answer)["services"]


def main() -> int:
    parser = argparse.ArgumentParser(description="Send records into the queue of the packets example.")
    parser.add_argument("--name", default="demo", help="the deployment (default: %(default)s)")
    parser.add_argument("--count", type=int, default=10_000, help="how many records (default: %(default)s)")
    parser.add_argument("--wait", action="store_true", help="wait until the viewer has counted them all")
    parser.add_argument("--timeout", type=float, default=300, help="seconds to wait (default: %(default)s)")
    options = parser.parse_args()

    import bbq

    deployment = bbq.open(options.name)
    viewer_url = deployment.outputs["viewer_url"]
    before = Counter(counted(viewer_url))
    queue = deployment.nodes["packets"].queue
    batch = list(records(options.count))
    for start in range(0, len(batch), CHUNK):
        queue.send_many(batch[start : start + CHUNK])
    print(f"sent {options.count} records", flush=True)
    if not options.wait:
        return 0

    wanted = before + Counter(expected(options.count))
    deadline = time.monotonic() + options.timeout
    found = Counter(before)
    while found != wanted and time.monotonic() < deadline:
        time.sleep(0.5)
        now = Counter(counted(viewer_url))
        if now != found:
            print(f"counted {now.total() - before.total()} of {options.count}", flush=True)
        found = now
    for service in sorted(wanted | found):
        print(
            f"  {service:<10} {found[service]:>7}"
            + ("" if found[service] == wanted[service] else f"  (expected {wanted[service]})")
        )
    if found != wanted:
        print(f"not all were counted within {options.timeout:g} s (--timeout)", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
