"""The codes of Murano packages: code -> (title, explanation). Stable; the reference page is made from this table."""

from __future__ import annotations

from typing import Final

NO_PACKAGE: Final = "BBQ-M001"
TOO_MANY: Final = "BBQ-M002"
KEYNAME: Final = "BBQ-M003"
MISSING: Final = "BBQ-M004"
SHAPE: Final = "BBQ-M005"
VALUE: Final = "BBQ-M006"
NO_FILE: Final = "BBQ-M007"
OUTSIDE: Final = "BBQ-M008"
CLASS: Final = "BBQ-M009"
IMAGE: Final = "BBQ-M010"
FORM: Final = "BBQ-M011"
RESOURCE: Final = "BBQ-M012"
INPUT: Final = "BBQ-M013"
NO_INPUT: Final = "BBQ-M014"

CODES: Final[dict[str, tuple[str, str]]] = {
    NO_PACKAGE: (
        "not a Murano package",
        "A package is a folder or a ZIP archive with a `manifest.yaml`, one map, at its top.",
    ),
    TOO_MANY: ("too many problems", "More problems were found than are listed; correct the first ones."),
    KEYNAME: ("unknown keyname", "Murano does not read this keyname; it may be a misspelt one."),
    MISSING: ("keyname missing", "A manifest needs FullName and Type, a class a Name, a form's field a name and a type."),
    SHAPE: ("wrong shape", "A map, list or text stands where something else is needed."),
    VALUE: ("value that Murano refuses", "The format, type, version or name is none that Murano takes."),
    NO_FILE: ("file missing", "The manifest names a file that is not in the package."),
    OUTSIDE: (
        "file outside the package",
        "A name leads out of the package, or a symbolic link does: Murano would not have that file.",
    ),
    CLASS: ("class missing", "The file that the manifest names for a class defines classes of other names."),
    IMAGE: ("logo that Murano refuses", "A logo is a PNG, JPEG or GIF picture of at most 500 KiB."),
    FORM: (
        "form that cannot be shown",
        "Murano's dashboard knows no such kind of field, or the form lacks the application that it is for.",
    ),
    RESOURCE: (
        "resource missing",
        "A class reads a file of the folder `Resources` that is not there: the package can be uploaded, and fails when it "
        "is deployed.",
    ),
    INPUT: ("bad input", "The application has no such property, or the value is not of its type."),
    NO_INPUT: ("input missing", "The application needs a value for this property."),
}
