"""Rules drafted from a line: they load, they know their line, and they hold no secret."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logparse.diagnosis import RuleError, default_rules, load_book
from logparse.diagnosis.draft import draft_rule, rule_text
from logparse.diagnosis.rule import Role
from logparse.text import plain

BOOK = default_rules()
NO_WORDS = (
    "the draft, my.rule: the line has no words that stay the same from log to log; take a line that has."
)


def draft(line: str) -> dict[str, object]:
    return draft_rule(line, id="my.rule", cause="c.error", book=BOOK)


class TestDraft:
    @pytest.mark.parametrize(
        ("line", "anchor", "pattern"),
        [
            (
                "E: frobnicator: door of '/etc/frob.conf' is jammed (error 13)",
                "frobnicator: door of",
                r"E: frobnicator: door of '(?P<file>[^']{1,200})' is jammed \(error \d{1,18}\)",
            ),
            (
                "2024-01-02T10:11:12Z frobnicator gave up after 30 tries",
                "frobnicator gave up after",
                r" frobnicator gave up after \d{1,18} tries".strip(),
            ),
            (
                'Fetching "widgets" from https://files.example/w.tgz broke',
                "Fetching",
                r"""Fetching "[^"]{1,200}" from (?P<url>https?://[^\s'\"`<>]{1,400}) broke""",
            ),
            (
                "src/frob.c:12:5: widgets are missing",
                "widgets are missing",
                r"(?P<file>[^\s:'\"`]{1,400}):\d{1,18}:\d{1,18}: widgets are missing",
            ),
            (
                "widget 1.2.3 does not fit frobnicator 0a1b2c3d4e5f",
                "does not fit frobnicator",
                r"widget (?P<version>v?\d[\w.+~-]{0,99}) does not fit frobnicator [0-9a-fA-F-]{7,99}",
            ),
            (
                "frob [x] (y) {z} a.b* c+ $1 ^|\\",
                "frob",
                r"frob \[x\] \(y\) \{z\} a\.b\* c\+ \$\d{1,18} \^\|\\",
            ),
            ("widgets\tbroke   badly", "widgets", r"widgets\s{1,64}broke\s{1,64}badly"),
        ],
    )
    def test_keeps_what_is_fixed_and_bounds_what_varies(self, line, anchor, pattern):
        assert draft(line) == {
            "id": "my.rule",
            "cause": "c.error",
            "role": "cause",
            "anchors": [anchor],
            "pattern": pattern,
            "samples": [line],
        }

    def test_prefers_words_that_are_rare_in_samples(self):
        assert draft("error: failed '3' frobnicate")["anchors"] == ["frobnicate"]

    def test_outweighs_the_rules_that_know_the_line(self):
        line = "E: Unable to locate package frob"
        others = [rule.weight for rule in BOOK.output if rule.match(line) is not None]
        assert others
        assert draft(line)["weight"] == max(others) + 1

    def test_takes_the_role_it_is_given(self):
        entry = draft_rule("frob: no", id="my.rule", cause="c.error", book=BOOK, role=Role.WRAPPER)
        assert entry["role"] == "wrapper"

    def test_knows_other_lines_of_the_kind(self, tmp_path):
        text = rule_text(draft("E: frobnicator: door of '/etc/frob.conf' is jammed (error 13)"))
        (tmp_path / "my.toml").write_text(text, encoding="utf-8")
        rule = load_book(tmp_path, environ={}).rules[-1]
        assert rule.match("E: frobnicator: door of '/opt/x' is jammed (error 2)") == {"file": "/opt/x"}
        assert rule.match("E: frobnicator: door of '/opt/x' is shut (error 2)") is None

    @pytest.mark.parametrize(
        "line", ["", "   ", "12345", "***", "=== *** ===", "1.2.3 4 5 6", "ab", "\x1b[1m"]
    )
    def test_says_so_if_a_line_has_no_words(self, line):
        with pytest.raises(RuleError) as refused:
            draft(line)
        assert str(refused.value) == NO_WORDS

    def test_refuses_an_unknown_cause_and_a_bad_id(self):
        with pytest.raises(
            RuleError, match=r"the draft, my\.rule: unknown cause 'no\.cause'; describe it in a table"
        ):
            draft_rule("frob: no", id="my.rule", cause="no.cause", book=BOOK)
        with pytest.raises(RuleError, match="an id is made of letters, digits, dots and dashes; rename it"):
            draft_rule("frob: no", id="my rule", cause="c.error", book=BOOK)

    @pytest.mark.parametrize(
        "secret",
        [
            "ghp_" + "a1B2" * 9,
            "--password hunter22",
            "https://user:hunter22@host.example/x",
            "AKIA" + "A1B2" * 4,
        ],
    )
    def test_holds_no_secret_and_knows_the_line_that_has_it(self, secret, tmp_path):
        line = f"frobnicator was called with {secret} and gave up after 30 tries"
        text = rule_text(draft(line))
        assert "hunter22" not in text
        assert "A1B2" not in text.upper()
        (tmp_path / "my.toml").write_text(text, encoding="utf-8")
        assert load_book(tmp_path, environ={}).rules[-1].match(line) is not None


WORDS = st.sampled_from(
    ["error:", "cannot", "'x y'", '"', "'", "'''", '"""', "/usr/lib/x.so", "https://a.example/b?c=d", "1.2.3", "12:30:01", "2024-01-02",
     "0a1b2c3d4e5f", "***", "(", "[", "{2,}", "\\", "\\d+", "$", "^", "|", "frob", "\u201cfoo\u201d", "\u2018", "\u9519\u8bef", "\t", "  ", "password=hunter22",
     "a" * 300, "\u00e9t\u00e9", "\U0001f600", "\x1b[31m", "\u200b", "\ufffd"]
)  # fmt: skip
LINES = st.one_of(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=60),
    st.lists(WORDS, max_size=12).map(" ".join),
    st.lists(WORDS, max_size=8).map("".join),
)


@given(LINES)
@example("'" * 50)
@example("''''x'''' frob \"\"\"")
@example("a" * 5000)
@example("word " * 1000)
@example("x/" * 500 + "y.c:1")
@example("0-" * 700 + "frob")
@settings(max_examples=150, deadline=None)
def test_a_draft_of_any_line_loads_and_knows_it_or_says_why_not(tmp_path_factory, line):
    try:
        entry = draft(line)
    except RuleError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert refusal == NO_WORDS
        return
    text = rule_text(entry)
    assert tomllib.loads(text)["rule"] == [entry]
    path: Path = tmp_path_factory.mktemp("rules") / "my.toml"
    path.write_text(text, encoding="utf-8")
    rule = load_book(path, environ={}).rules[-1]
    assert rule.id == "my.rule"
    assert rule.match(plain(line.encode())) is not None
