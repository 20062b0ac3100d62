"""`python -m benchmarks [validate engine ...]`: measure, print, exit 1 where a figure is missed."""

from __future__ import annotations

import argparse
import importlib

NAMES = ("validate", "engine", "waiting", "startup", "peers", "by_hand", "openstack")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure bbq against floors and peers.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"which: {', '.join(NAMES)}; all by default")
    names = parser.parse_args().names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    missed = 0
    for name in names:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"{name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
        for figure in module.run():
            print(figure, flush=True)
            missed += figure.reached is False
    print(f"{missed} missed" if missed else "all reached")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
