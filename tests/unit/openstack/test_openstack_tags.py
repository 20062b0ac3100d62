"""bbq's tag survives every form that it takes on things of a cloud."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from bbq.engine.contract import Tag
from bbq.providers.openstack import tags

TAGS = st.builds(
    Tag,
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200),
    st.integers(0, 1000),
    st.none() | st.integers(0, 2**33).map(float),
)


@given(TAGS)
def test_words_say_it_all_and_fit_everywhere(tag: Tag) -> None:
    words = tags.words(tag)
    assert tags.of_words([*words, "another", "x=y"]) == tag
    assert all(len(word) <= 60 and not set(word) & set(",/") for word in words)
    assert tags.deployment_word(tag.deployment_id) in words
    assert set(tags.node_words(tag)) <= set(words)


@given(TAGS)
def test_pairs_say_it_all(tag: Tag) -> None:
    pairs = tags.pairs(tag)
    assert tags.of_pairs({**pairs, "another": "1"}) == tag
    assert all(len(key) <= 255 and len(value) <= 255 for key, value in pairs.items())


@given(TAGS, TAGS)
def test_a_name_is_of_one_node_and_allowed(one: Tag, other: Tag) -> None:
    name = tags.name_of(one)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,254}", name)
    other = Tag(one.deployment, one.deployment_id, other.node, other.attempt)
    assert (tags.name_of(other) == name) == (other.node == one.node)


def test_names_that_people_can_read() -> None:
    assert tags.name_of(Tag("exp1", "3fa9c1d2aaaaaaaa", "stack", 1)) == "exp1-stack-3fa9c1d2"
    assert tags.name_of(Tag("exp1", "3fa9c1d2aaaaaaaa", "spark.worker[2]", 1)).startswith("exp1-spark.worker-2-")


def test_things_of_others_have_no_tag() -> None:
    assert tags.of_words([]) is None
    assert tags.of_pairs({"name": "x"}) is None
