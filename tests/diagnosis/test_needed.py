"""What a text must hold for a pattern to match it."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from logparse.diagnosis import Rule, default_rules
from logparse.diagnosis.needed import Needed, needed

ALL = [rule for rule in default_rules().rules if rule.samples]


class TestTexts:
    @pytest.mark.parametrize(
        ("pattern", "texts"),
        [
            ("abc", {"abc"}),
            (r"\bfoo\b bar\.x$", {"foo bar.x"}),
            ("abc|xyz", {"abc", "xyz"}),
            ("(?:a|the) file", {" file"}),
            ("(?:file|folder) x?", {"file", "folder"}),
            (r"(?P<file>\S{1,9}) gone", {" gone"}),
            ("[Cc]annot", {"annot"}),
            ("a.cdef", {"cdef"}),
            ("abc?", {"ab"}),
            ("abc*+", {"ab"}),
            ("ab+c?", {"ab"}),
            ("(?:abc){2}", {"abc"}),
            ("a(?i:bcd)", {"a"}),
            ("a(?=bcd)e", {"ae"}),
            ("a(?!bcd)e", {"ae"}),
            ("(?<=bcd)a", {"a"}),
            (r"\$\{x\}", {"${x}"}),
        ],
    )
    def test_one_of_them_is_in_every_match(self, pattern: str, texts: set[str]) -> None:
        assert needed(pattern) == Needed(tuple(sorted(texts)))

    @pytest.mark.parametrize(
        "pattern",
        [
            "",
            "a|",
            r"\d{3}",
            "(?:abc)?",
            "(?:abc){0,2}",
            "(?i)abc",
            "(?i:abc)",
            "abc|[xy]",
            "(?=abc)",
            "(?:a|)",
        ],
    )
    def test_nothing_is_needed(self, pattern: str) -> None:
        assert needed(pattern) == Needed()
        assert needed(pattern).is_in("whatever")

    @pytest.mark.parametrize(
        "pattern", ["(abc", "abc)", "abc[", "(?#x)abc", "(?P=x)abc", "{abc", "*abc", "(" * 99]
    )
    def test_nothing_is_known_of_what_is_not_understood(self, pattern: str) -> None:
        assert needed(pattern) == Needed()

    def test_nothing_is_said_of_more_texts_than_are_worth_looking_for(self) -> None:
        assert needed("|".join(f"word {n:02}" for n in range(24))).texts[0] == "word 00"
        assert needed("|".join(f"word {n:02}" for n in range(25))) == Needed()


class TestBesides:
    PATTERN = r"/usr/(?P<file>\S{1,9}) does not exist|missing: \S{1,9}"

    def test_all_of_an_alternative_must_be_there(self) -> None:
        wanted = needed(self.PATTERN)
        assert wanted == Needed((" does not exist", "missing: "), (("/usr/",), ()))
        assert wanted.is_in("/usr/a does not exist")
        assert wanted.is_in("missing: a")
        assert not wanted.is_in("/opt/a does not exist")
        assert not wanted.is_in("/usr/a exists")

    def test_they_stand_with_each_of_several_texts(self) -> None:
        assert needed("no (?:file|folder)") == Needed(("file", "folder"), (("no ",), ("no ",)))


class TestRules:
    @pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.id)
    def test_lines_of_a_rule_hold_what_its_pattern_needs(self, rule: Rule) -> None:
        wanted = needed(rule.pattern)
        for sample in rule.samples:
            found = regex.search(rule.pattern, sample)
            assert found is not None
            assert wanted.is_in(found[0])

    def test_of_most_patterns_something_is_known(self) -> None:
        assert sum(needed(rule.pattern) == Needed() for rule in ALL) < len(ALL) / 20


PARTS = st.sampled_from(
    [
        "a",
        "bc",
        "[de]",
        ".",
        "a+",
        "b?",
        "(?:ab|c)",
        "(?:d)*",
        "(e|fg){1,2}",
        "(?=a)",
        "(?!b)",
        r"\b",
        "|",
        "x{0,1}y",
    ]
)


@given(st.lists(PARTS, max_size=6), st.text("abcdefgxy", max_size=12))
def test_no_match_is_without_what_its_pattern_needs(parts: list[str], text: str) -> None:
    pattern = "".join(parts)
    assert regex.search(pattern, text) is None or needed(pattern).is_in(text)
