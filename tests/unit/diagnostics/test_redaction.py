"""Secrets told by the names that they stand under, in text that may be no YAML at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.redaction import masked_urls, spans


def marked(text: str) -> str:
    """`text` with what is secret in angle brackets."""
    lines, shown = text.split("\n"), []
    for index, line in enumerate(lines):
        for start, end in sorted(spans(lines, index), reverse=True):
            line = f"{line[:start]}<{line[start:end]}>{line[end:]}"
        shown.append(line)
    return "\n".join(shown)


@pytest.mark.parametrize(
    "text",
    [
        "password: <hunter2>",
        "password: <hunter2> # the usual",
        "  - db_password: <'it''s'>",
        'adminPassword: <"a \\" b"> # c',
        'token: <"never closed>',
        '{"api_key": <"q">, "port": 3}',
        '{"api_key":<"q">,"port":3}',
        "x: { password: <x y>, user: me, secret: <z> }",
        "x: { admin_password: { type: string, default: <hunter2>, required: true } }",
        "clientSecret: !!str <abc>",
        "access-key: &anchor <abc>",
        "password:\n  type: string\n  description: the password\n  default: <hunter2>\n  constraints: [ { min_length: 3 } ]",
        "tokens:\n  - <one>\n  - <two>",
        "private_key: |\n  <-----BEGIN>\n    <AAAA: b>\n\n  <-----END>\nport: 3",
        "password:\n  default: >-\n    <one>\n    <two: three>\n  type: string",
        "secret: <one two>\n  <three four>\nport: 3",
        "credential:\n  user: me\n  token: <abc>",
        "url: http://me:<pw>@host/x?a:b@c",
        # none of these is one
        "password: { get_input: pw }",
        "password: $pw",
        "password: *anchor",
        "password: null",
        "password: # comes later",
        "x: { $token: [ a, b, 1 ] }",
        "x: { $$token: <a> }",
        "password_length: 12",
        "compass: north",
        "token_type: bearer",
        "description: the password is a secret",
        "password:\n  type: string\n  required: true",
        "a:\n  default: 3",
        "",
    ],
)
def test_what_is_masked(text: str) -> None:
    assert marked(text.replace("<", "").replace(">-", "\0").replace(">", "").replace("\0", ">-")) == text


@given(st.lists(st.text(alphabet=" \t-:'\"{}[],#|>&!*\\\npasswordefault=é漢", max_size=40), min_size=1, max_size=8))
def test_any_text_gives_parts_of_its_line(lines: list[str]) -> None:
    for index, line in enumerate(lines):
        assert all(0 <= start < end <= len(line) for start, end in spans(lines, index))


def test_a_long_line_and_a_long_file_take_no_quadratic_time() -> None:
    """Counted by what is looked at, not by the clock: the lines above are bounded."""

    class Counting(list[str]):
        looked = 0

        def __getitem__(self, key: object) -> object:
            found = super().__getitem__(key)  # type: ignore[index]
            Counting.looked += len(found) if isinstance(key, slice) else 1
            return found

    lines = Counting([f"  a{n}: 1" for n in range(100_000)])
    spans(lines, 99_999)
    assert Counting.looked < 5000


def test_many_keys_on_one_line_are_masked_as_a_whole() -> None:
    """Looking at each would take a time that grows with their square."""
    line = "{ " + ", ".join(f"password: p{n}" for n in range(200)) + " }"
    found = spans([line], 0)
    assert len(found) == 21 and found[-1][1] == len(line)
    assert all(any(start <= line.index(f"p{n},") < end for start, end in found) for n in range(0, 199, 20))


def test_only_the_part_that_is_asked_for_is_looked_at() -> None:
    line = "x: { password: one, " + "a: 1, " * 1000 + "password: two }"
    # that the part lies in a flow map cannot be told any more: more is masked, not less
    assert [line[start:end] for start, end in spans([line], 0, len(line) - 10, len(line))] == ["two }"]
    assert [line[start:end] for start, end in spans([line], 0, 0, 40)] == ["one"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("import `https://user:pw1@h/x.yaml` fails", "import `https://user:********@h/x.yaml` fails"),
        ("https://ghp_abc@h/x and http://tok@h/", "https://********@h/x and http://********@h/"),
        ("https://h/x?a=1&access_token=abc&b=2#f", "https://h/x?a=1&access_token=********&b=2#f"),
        ("postgresql://app@h/db ssh://git@h/x mail a@b", "postgresql://app@h/db ssh://git@h/x mail a@b"),
    ],
)
def test_urls_in_texts(text: str, shown: str) -> None:
    assert masked_urls(text) == shown
    bag = DiagnosticBag()
    bag.error("BBQ-T021", text, SourceRange("a.yaml", 1, 1), text)
    assert (bag.items[0].message, bag.items[0].hint) == (shown, shown)
