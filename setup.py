"""Maps the top-level data folders into the package, so that a wheel installed anywhere finds them (see bbq/datafiles.py)."""

from pathlib import Path

from setuptools import find_packages, setup

DATA = ("templates", "playbooks", "charts", "etc")


def data_packages() -> dict[str, str]:
    """`bbq.share.<folder>` -> `<folder>`: each top-level data folder is one package, its files are package data."""
    return {f"bbq.share.{name}": name for name in DATA if Path(name).is_dir()}


setup(
    packages=[*find_packages(include=["bbq", "bbq.*"]), *data_packages()],
    package_dir=data_packages(),
    package_data={"bbq": ["py.typed", "explanations/*.md"], **{name: ["**/*", "**/.keep"] for name in data_packages()}},
)
