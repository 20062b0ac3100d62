"""The codes of what a Heat template cannot be made of: code -> (title, explanation). Stable; see `bbq.catalogue`."""

from __future__ import annotations

from typing import Final

FLAVOR: Final = "BBQ-R001"
IMAGE: Final = "BBQ-R002"
AMBIGUOUS: Final = "BBQ-R003"
NETWORK: Final = "BBQ-R004"
VALUE: Final = "BBQ-R005"
ADDRESS: Final = "BBQ-R006"
NO_PLACE: Final = "BBQ-R007"
NOT_EXPRESSED: Final = "BBQ-R008"
CATALOGUE: Final = "BBQ-R009"
UNDECIDED: Final = "BBQ-R010"

CODES: Final[dict[str, tuple[str, str]]] = {
    FLAVOR: ("no flavor fits", "The cloud has no flavor of this name, or none with that much of everything."),
    IMAGE: ("no image fits", "The cloud has no image of this name or ID, or none with that operating system."),
    AMBIGUOUS: ("two of that name", "The cloud has several things of this name: give the ID of one."),
    NETWORK: (
        "no such network",
        "The cloud has no network or availability zone of this name, or the network is of another kind.",
    ),
    VALUE: ("value not usable", "Heat needs a value here that is known before anything is made, and of another kind."),
    ADDRESS: (
        "bad addresses",
        "Addresses are not in their network, networks overlap, or several servers would have one address.",
    ),
    NO_PLACE: (
        "no place in a Heat template",
        "What makes nodes of this type is not Heat, or the template has no infrastructure.",
    ),
    NOT_EXPRESSED: ("left out", "Heat, or this cloud, has no way to say this; the template that was rendered does without."),
    CATALOGUE: ("bad catalogue", "A catalogue has lists of flavors, images, networks and so on, with the fields of the page."),
    UNDECIDED: ("choice needed", "The cloud has several that fit, or none, and the template does not say which one is meant."),
}
