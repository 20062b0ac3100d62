"""The YAML reader's diagnostic codes: code -> (title, explanation). Stable; the reference page is made from this table."""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, tuple[str, str]]] = {
    "BBQ-Y001": ("file cannot be read", "The file does not exist, is not a regular file, or may not be read."),
    "BBQ-Y002": ("file too large", "The file is larger than the cap; it was not read."),
    "BBQ-Y003": ("not UTF-8", "YAML files are read as UTF-8 only."),
    "BBQ-Y004": ("control character", "A character that YAML does not allow, such as NUL or an escape character."),
    "BBQ-Y005": ("YAML syntax error", "The text is not YAML."),
    "BBQ-Y006": ("tab used for indentation", "YAML indents with spaces only."),
    "BBQ-Y007": ("several documents", "A file holds one document; nothing may follow a second `---`."),
    "BBQ-Y008": ("empty document", "The file is empty or holds comments only."),
    "BBQ-Y009": ("duplicate key", "A key occurs twice in one mapping; readers differ in which one they keep."),
    "BBQ-Y010": ("custom tag", "Only YAML's own tags are read; a tag never makes a language's object."),
    "BBQ-Y011": ("nested too deep", "More levels of nesting than the cap, aliases included."),
    "BBQ-Y012": ("too many values", "More values than the cap."),
    "BBQ-Y013": ("too many aliases", "More uses of anchors than the cap."),
    "BBQ-Y014": ("aliases expand to too much", "The document is small but its aliases or merge keys expand beyond the cap."),
    "BBQ-Y015": ("value contains itself", "An alias refers to a value that it is a part of."),
    "BBQ-Y016": ("scalar too long", "One scalar is longer than the cap."),
    "BBQ-Y017": ("integer too long", "An integer with more digits than the cap; quote it if it is text."),
    "BBQ-Y018": ("key is not a scalar", "Keys are plain text: no lists, maps or empty keys."),
    "BBQ-Y019": ("bad merge key", "`<<` takes a mapping or a list of mappings."),
    "BBQ-Y020": ("unknown anchor", "An alias names an anchor that is not defined before it."),
}
