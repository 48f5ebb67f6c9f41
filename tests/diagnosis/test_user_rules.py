"""Rules of one's own: which take whose place, and every sentence by which a wrong file is refused."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse import LogparseError, RuleBook, diagnose, load_book, parse, tables
from logparse.diagnosis import RuleError, default_rules, examine_rules
from logparse.diagnosis.check import cause_of, flaws, rule_of
from logparse.diagnosis.pattern import costly_line, flaw
from logparse.diagnosis.rule import PACKAGE, Rule

RULE = """
[[rule]]
id = "my.rule"
cause = "c.error"
role = "cause"
anchors = ["frobnicate"]
pattern = 'cannot frobnicate (?P<file>\\S{1,200})'
samples = ["cannot frobnicate a.c"]
"""
CAUSE = """
[cause."my.cause"]
title = "Nothing was frobnicated"
owner = "infra"
retry = "yes"
remedy = "Frobnicate {file}."
"""
LOG = (
    b"Step 1/1 : RUN frob\n ---> Running in 0123456789ab\nE: cannot frobnicate a.c\n"
    b"The command '/bin/sh -c frob' returned a non-zero code: 9\n"
)


def put(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def rule_in(book: RuleBook, name: str = "my.rule") -> Rule:
    (rule,) = (rule for rule in book.rules if rule.id == name)
    return rule


class TestBook:
    def test_without_paths_it_is_the_package_s(self):
        assert load_book(environ={}) is default_rules()

    def test_a_file_adds_rules_and_causes(self, tmp_path):
        path = put(tmp_path / "a.toml", RULE.replace("c.error", "my.cause") + CAUSE)
        book = load_book(path, environ={})
        assert len(book.rules) == len(default_rules().rules) + 1
        assert rule_in(book).origin == str(path)
        (build,) = parse(LOG)
        diagnosis = diagnose(build, rules=book)
        assert (diagnosis.cause, diagnosis.owner, diagnosis.retry) == ("my.cause", "infra", "yes")
        assert diagnosis.remedy == "Frobnicate a.c."

    def test_the_tables_are_made_by_it_too(self, tmp_path):
        book = load_book(put(tmp_path / "a.toml", RULE.replace("c.error", "my.cause") + CAUSE), environ={})
        made = tables(parse(LOG), rules=book)
        assert made.failures["cause"].to_pylist() == ["my.cause"]
        assert made.messages["rule"].to_pylist() == ["my.rule"]

    def test_a_folder_is_all_its_toml_files(self, tmp_path):
        put(tmp_path / "b.toml", RULE.replace("c.error", "my.cause"))
        put(tmp_path / "causes.toml", CAUSE)
        put(tmp_path / "notes.txt", "no TOML at all")
        put(tmp_path / ".hidden.toml", "no TOML at all")
        (tmp_path / "below").mkdir()
        assert rule_in(load_book(tmp_path, environ={})).cause == "my.cause"

    def test_a_rule_takes_the_place_of_the_package_s(self, tmp_path):
        path = put(tmp_path / "a.toml", RULE.replace("my.rule", "apt.locate"))
        book = load_book(path, environ={})
        assert len(book.rules) == len(default_rules().rules)
        assert rule_in(book, "apt.locate").cause == "c.error"
        assert rule_in(book, "apt.locate").origin == str(path)
        assert rule_in(book, "apt.no-candidate").origin == PACKAGE
        assert rule_in(default_rules(), "apt.locate").origin == PACKAGE

    def test_a_cause_takes_the_place_of_the_package_s(self, tmp_path):
        path = put(tmp_path / "a.toml", CAUSE.replace("my.cause", "apt.locate"))
        book = load_book(path, environ={})
        assert book.causes["apt.locate"].title == "Nothing was frobnicated"
        assert default_rules().causes["apt.locate"].title == "apt knows no such package"

    def test_a_later_path_takes_the_place_of_an_earlier_one(self, tmp_path):
        first = put(tmp_path / "first.toml", RULE)
        second = put(tmp_path / "second.toml", RULE.replace("c.error", "c.link"))
        assert rule_in(load_book(first, second, environ={})).cause == "c.link"
        assert rule_in(load_book(second, first, environ={})).cause == "c.error"

    def test_the_environment_comes_before_the_paths(self, tmp_path):
        first = put(tmp_path / "first.toml", RULE)
        second = put(tmp_path / "second.toml", RULE.replace("c.error", "c.link"))
        third = put(tmp_path / "third.toml", RULE.replace("my.rule", "my.other"))
        environ = {"LOGPARSE_RULES": os.pathsep.join(["", str(first), str(third)])}
        assert rule_in(load_book(environ=environ)).cause == "c.error"
        book = load_book(second, environ=environ)
        assert rule_in(book).cause == "c.link"
        assert rule_in(book, "my.other").origin == str(third)

    def test_the_process_s_environment_counts(self, tmp_path, monkeypatch):
        monkeypatch.setenv("LOGPARSE_RULES", str(put(tmp_path / "a.toml", RULE)))
        assert rule_in(load_book()).id == "my.rule"
        monkeypatch.setenv("LOGPARSE_RULES", "")
        assert load_book() is default_rules()

    def test_utf_16_and_a_byte_order_mark_are_read(self, tmp_path):
        for encoding in ("utf-8-sig", "utf-16"):
            (tmp_path / "a.toml").write_text(RULE, encoding=encoding)
            assert rule_in(load_book(tmp_path, environ={})).cause == "c.error"

    def test_a_rule_may_explain_one_of_the_package_s(self, tmp_path):
        path = put(tmp_path / "a.toml", RULE + 'explains = ["apt.locate", "*"]\n')
        assert rule_in(load_book(path, environ={})).explains == {"apt.locate", "*"}


SUBJECTS = "branch, code, command, constraint, distribution, file, goal, header, host, image, instruction, key, library, line, module, option, package, platform, plugin, port, reason, repository, required, script, status, symbol, target, task, test, tool, url, user, variable, version"
RULE_KEYS = "anchors, cause, counter, era, exits, explains, id, identity, instruction, pattern, pick, role, samples, unless, weight, where, within"
SLOW = "would take too long; let neighbouring repetitions take different characters, or make them possessive ({1,9}+)."
NESTED = "repeats a repetition, which can take for ever; let a character stand between its turns, or write a + behind the inner one to make it possessive."


class TestRefusals:
    """What is replaced in a good file, and the sentence behind its name."""

    def refused(self, folder: Path, text: str) -> str:
        path = put(folder / "team.toml", text)
        with pytest.raises(RuleError) as refused:
            load_book(path, environ={})
        sentence = str(refused.value)
        assert isinstance(refused.value, LogparseError)
        assert refused.value.exit_code == 2
        assert sentence.startswith(str(path))
        assert "\n" not in sentence
        assert str(examine_rules(path, environ={}).errors[0]) == sentence
        return sentence.removeprefix(str(path))

    @pytest.mark.parametrize(
        ("old", "new", "sentence"),
        [
            ('id = "my.rule"', "", ", rule 1: a rule needs 'id'; add it."),
            ('"c.error"', '"a\\nb"', ", my.rule: unknown cause 'a\\nb'; write the id of one."),
            ('"my.rule"', '"a\\nb"', ", 'a\\nb': an id is made of letters, digits, dots and dashes; rename it."),
            ('id = "my.rule"', "id = 7", ", 7: 'id' is no text; put it in quotes."),
            (
                '"my.rule"',
                '"my rule"',
                ", 'my rule': an id is made of letters, digits, dots and dashes; rename it.",
            ),
            ('anchors = ["frobnicate"]', "", ", my.rule: a rule needs 'anchors'; add it."),
            ('["cannot frobnicate a.c"]', "[]", ", my.rule: a rule needs 'samples'; add it."),
            (
                'role = "cause"',
                'role = "cause"\ncolour = "red"',
                f", my.rule: unknown key 'colour'; a rule may have {RULE_KEYS}.",
            ),
            (
                'role = "cause"',
                'role = "cause"\norigin = "package"',
                f", my.rule: unknown key 'origin'; a rule may have {RULE_KEYS}.",
            ),
            (
                '"c.error"',
                '"c.eror"',
                ", my.rule: unknown cause 'c.eror'; write 'c.error', or describe it in a table [cause.\"c.eror\"].",
            ),
            (
                '"c.error"',
                '"zzzz"',
                ", my.rule: unknown cause 'zzzz'; describe it in a table [cause.\"zzzz\"].",
            ),
            (
                'role = "cause"',
                'role = "reason"',
                ", my.rule: unknown role 'reason'; write one of cause, symptom, wrapper, warning.",
            ),
            (
                'role = "cause"',
                'role = "cause"\nwhere = "here"',
                ", my.rule: unknown where 'here'; write one of output, builder, command.",
            ),
            (
                'role = "cause"',
                'role = "cause"\npick = "any"',
                ", my.rule: unknown pick 'any'; write one of first, last, next.",
            ),
            ('["frobnicate"]', '["frobnicate", ""]', ", my.rule: an empty anchor is in every line; take it out."),
            ('["frobnicate"]', '["   "]', ", my.rule: an empty anchor is in every line; take it out."),
            (
                '["frobnicate"]',
                '["fr"]',
                ", my.rule: the anchor 'fr' is in too many lines; give one of 3 characters.",
            ),
            (
                '["frobnicate"]',
                '["frobnicate", "Frobnicate"]',
                ", my.rule: no sample holds the anchor 'Frobnicate'; add such a line, or drop the anchor.",
            ),
            (
                '["cannot frobnicate a.c"]',
                '["cannot frobnicate a.c", "cannot frobnicate"]',
                ", my.rule: the sample 'cannot frobnicate' does not match; correct the sample or the pattern.",
            ),
            (
                '["cannot frobnicate a.c"]',
                '["cannot frobnicate a.c", "cannot"]',
                ", my.rule: the sample 'cannot' does not match, since it holds no anchor; add one that it holds.",
            ),
            (
                'role = "cause"',
                'role = "cause"\nunless = "^cannot"',
                ", my.rule: the sample 'cannot frobnicate a.c' does not match, since 'unless' takes it out; correct that or the sample.",
            ),
            (
                'role = "cause"',
                'role = "cause"\ncounter = ["I cannot frobnicate b.c"]',
                ", my.rule: the counter sample 'I cannot frobnicate b.c' matches; narrow the pattern, or add 'unless'.",
            ),
            (
                '["cannot frobnicate a.c"]',
                '["cannot frobnicate \\u001b[1ma.c"]',
                ", my.rule: the sample 'cannot frobnicate \\x1b[1ma.c' has control characters, and no shown line has; leave them out.",
            ),
            (r"\S{1,200}", r"\S+", ", my.rule: pattern: the repetition '+' at 29 has no upper bound; write {1,200}."),
            (r"\S{1,200}", r"\S*?", ", my.rule: pattern: the repetition '*' at 29 has no upper bound; write {0,200}."),
            (
                r"\S{1,200}",
                r"\S{3,}",
                ", my.rule: pattern: the repetition '{3,}' at 29 has no upper bound; write {3,200}.",
            ),
            (
                r"\S{1,200}",
                r"\S{1,99999999}",
                ", my.rule: pattern: the repetition '{1,99999999}' at 29 is beyond every line; write 10000 at most.",
            ),
            (
                r"\S{1,200}",
                r"(?:(?:a{99}){99}){99}",
                ", my.rule: pattern: its repetitions ask for 970317 characters; no line has so many, ask for less.",
            ),
            (r"\S{1,200}", r"(?:\w{1,9}){1,9}", f", my.rule: pattern: the repetition '{{1,9}}' at 38 {NESTED}"),
            (r"\S{1,200}", r"(?:\w?){30}", f", my.rule: pattern: the repetition '{{30}}' at 34 {NESTED}"),
            (r"\S{1,200}", r"(?:\w{1,9},?){1,9}", f", my.rule: pattern: the repetition '{{1,9}}' at 40 {NESTED}"),
            ("<file>", "<parcel>", f", my.rule: pattern: unknown subject 'parcel'; call the group one of {SUBJECTS}."),
            (
                r"\S{1,200}",
                "(?R)",
                ", my.rule: pattern: the group at 27 is none that a rule may use; write \\( for the character, or (?:...), (?P<name>...), (?>...), (?i:...), (?=...), (?!...), (?<=...) or (?<!...).",
            ),
            (r"\S{1,200}", "(?:a){e<=3}", ", my.rule: pattern: the '{' at 32 stands alone; write \\{ for the character."),
            (r"\S{1,200}", "[a-", ", my.rule: pattern: the '[' at 27 stands alone; write \\[ for the character."),
            (r"\S{1,200})", "a", ", my.rule: pattern: the group at 18 is not closed (missing ) at its end); write \\( for the character."),
            (r"\S{1,200})", "a))", ", my.rule: pattern: the ')' at 29 closes nothing; write \\) for the character."),
            (r"\S{1,200}", r"a{2}{3}", ", my.rule: pattern: the repetition '{3}' at 31 repeats nothing; write \\{ for the character."),
            (r"\S{1,200})", r"(a)\1)", ", my.rule: pattern: \\1 at 30 is not for rules; spell out what it stands for."),
            (
                r"\S{1,200}",
                "[z-a]",
                ", my.rule: pattern: it is no regular expression (bad character range at position 31); correct it.",
            ),
            (r"\S{1,200}", "(?:" * 60 + "a" + ")" * 60, ", my.rule: pattern: its groups are nested 50 deep; write it flatter."),
            (r"\S{1,200}", "a" * 2000, ", my.rule: pattern: it is 2028 characters long; make rules of at most 2000 of it."),
            (
                'role = "cause"',
                'role = "cause"\nunless = "a+"',
                ", my.rule: unless: the repetition '+' at 1 has no upper bound; write {1,200}.",
            ),
            (
                'role = "cause"',
                'role = "cause"\ninstruction = "RUN ("',
                ", my.rule: instruction: the group at 4 is not closed (missing ) at its end); write \\( for the character.",
            ),
            (
                'role = "cause"',
                'role = "cause"\nidentity = ["url"]',
                ", my.rule: identity: no group is called 'url'; name one of the pattern's.",
            ),
            (
                'role = "cause"',
                'role = "cause"\nexplains = ["no.such"]',
                ", my.rule: explains: there is no rule 'no.such'; name one, or '*' for all.",
            ),
            (
                'role = "cause"',
                'role = "cause"\nera = "' + "9" * 61 + '"',
                ", my.rule: 'era' is a few words such as 'npm <= 9'; use 60 characters at most.",
            ),
            ('["frobnicate"]', '"frobnicate"', ", my.rule: 'anchors' is no list of texts; write anchors = ['...']."),
            ('["frobnicate"]', "[1]", ", my.rule: 'anchors' is no list of texts; write anchors = ['...']."),
            (
                'role = "cause"',
                'role = "cause"\nweight = "heavy"',
                ", my.rule: 'weight' is no whole number from -100 to 100; give one.",
            ),
            (
                'role = "cause"',
                'role = "cause"\nweight = true',
                ", my.rule: 'weight' is no whole number from -100 to 100; give one.",
            ),
            (
                'role = "cause"',
                'role = "cause"\nweight = 1000',
                ", my.rule: 'weight' is no whole number from -100 to 100; give one.",
            ),
            ('role = "cause"', 'role = "cause"\nexits = 1', ", my.rule: 'exits' is no list; write exits = [1]."),
            (
                'role = "cause"',
                'role = "cause"\nexits = [256]',
                ", my.rule: 'exits' is no whole number from 0 to 255; give one.",
            ),
        ],
    )  # fmt: skip
    def test_of_a_rule(self, tmp_path, old, new, sentence):
        assert RULE.count(old) == 1
        assert self.refused(tmp_path, RULE.replace(old, new)) == sentence

    @pytest.mark.parametrize(
        ("old", "new", "sentence"),
        [
            ('"Nothing was frobnicated"', '""', ", my.cause: a cause needs a title; add 'title'."),
            ('title = "Nothing was frobnicated"', "title = 3", ", my.cause: 'title' is no text; put it in quotes."),
            ('"Nothing', '"\\u009b1mNothing', ", my.cause: 'title' has control characters; leave them out."),
            (
                '"infra"',
                '"nobody"',
                ", my.cause: unknown owner 'nobody'; write one of auth, code, dependency, dockerfile, infra, network, registry.",
            ),
            ('"yes"', '"often"', ", my.cause: retry is yes, no or maybe, not 'often'; write one of them."),
            (
                'retry = "yes"',
                'retry = "yes"\ncolour = "red"',
                ", my.cause: unknown key 'colour'; a cause may have owner, remedy, retry, title.",
            ),
            (
                "{file}",
                "{parcel}",
                f", my.cause: remedy: nothing is called {{parcel}}; name one of {SUBJECTS.replace('instruction,', 'install, instruction,')}.",
            ),
            (
                "{file}",
                "{file!r:>1000000000}",
                f", my.cause: remedy: nothing is called {{file}}; name one of {SUBJECTS.replace('instruction,', 'install, instruction,')}.",
            ),
            (
                "{file}",
                "{",
                ", my.cause: remedy: expected '}' before end of string; write {{ and }} for the characters.",
            ),
            (
                '[cause."my.cause"]',
                "[cause.my.cause]",
                ', my: a cause is a table; write [cause."my..."] with the whole id in quotes.',
            ),
            (
                '"my.cause"',
                '"my cause"',
                ", 'my cause': an id is made of letters, digits, dots and dashes; rename it.",
            ),
        ],
    )  # fmt: skip
    def test_of_a_cause(self, tmp_path, old, new, sentence):
        assert CAUSE.count(old) == 1
        assert self.refused(tmp_path, CAUSE.replace(old, new)) == sentence

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("[[rule]", ": it is no TOML (Expected ']]' at the end of an array declaration (at line 1, column 7)); correct it."),
            ("x = " + "[" * 20_000, ": it is no TOML (maximum recursion depth exceeded); correct it."),
            ("colour = 1", ": unknown key 'colour'; a file has [[rule]] and [cause.\"...\"] tables and nothing else."),
            (
                '["my.cause"]\ntitle = "T"',
                ": unknown key 'my.cause'; a file has [[rule]] and [cause.\"...\"] tables and nothing else.",
            ),
            ("rule = 1", ": 'rule' is no [[rule]] table; begin each with [[rule]]."),
            ("[rule]\nid = 1", ": 'rule' is no [[rule]] table; begin each with [[rule]]."),
            ("cause = 1", ": 'cause' is no [cause.\"...\"] table; begin each with [cause.\"...\"]."),
            ("rule = [1]", ", rule 1: a rule is a table; begin it with [[rule]]."),
            ("#" * 40_000, ": a line of it is longer than 32 kB; break or shorten it."),
            ("# more\n" * 50_000, ": it is larger than 256 kB; make several files of it."),
            (RULE + RULE, ", my.rule: the id is taken by another one in this file; give it one of its own."),
        ],
        ids=lambda text: text[:20],
    )  # fmt: skip
    def test_of_a_file(self, tmp_path, text, sentence):
        assert self.refused(tmp_path, text) == sentence

    def test_of_bytes_that_are_no_text(self, tmp_path):
        path = tmp_path / "a.toml"
        path.write_bytes(b"\xff\x00\x9f")
        with pytest.raises(RuleError, match=r"it is no TOML .*; correct it") as refused:
            load_book(path, environ={})
        assert "\n" not in str(refused.value)

    def test_of_an_id_that_is_in_two_files_of_a_folder(self, tmp_path):
        first, second = put(tmp_path / "a.toml", RULE), put(tmp_path / "b.toml", RULE)
        with pytest.raises(RuleError) as refused:
            load_book(tmp_path, environ={})
        expected = f"{second}, my.rule: the id is taken by another one in {first}; give it one of its own."
        assert str(refused.value) == expected

    def test_of_paths_that_hold_no_rules(self, tmp_path):
        pipe, empty = tmp_path / "pipe.toml", tmp_path / "empty"
        os.mkfifo(pipe)
        empty.mkdir()
        for path, reason in (
            (tmp_path / "absent", "it cannot be read (No such file or directory); give a .toml file, or a folder of them."),
            (empty, "no file of the folder ends in .toml; put rules into it."),
            (pipe, "it is no file; give a .toml file, or a folder of them."),
            (Path("/dev/zero"), "it is no file; give a .toml file, or a folder of them."),
            (Path("a\0b"), "it cannot be read (ValueError); give a .toml file, or a folder of them."),
        ):  # fmt: skip
            with pytest.raises(RuleError) as refused:
                load_book(path, environ={})
            assert str(refused.value) == f"{path}: {reason}"


class TestHostilePatterns:
    """Patterns that no reading of their text gives away: they are found out by running them, and soon."""

    @pytest.mark.parametrize(
        ("pattern", "sample"),
        [
            (r"error (?:a|a){1,30}c", "error aaac"),
            (r"(?:\w\w{0,9}){1,30} broken", "foo broken"),
            (r"(?:[a-z]|[b-y]){1,40}!", "error!"),
            (r"(?:.{1,40},){1,40}x", "one,two,x"),
            (r"(?:(?:ab|a|b){1,30}c){1,9}!", "ababc!"),
            (r"(?=(?:a|aa){1,40}$)a{1,9}", "xaaa"),
            (r"(?:.{0,99}a){9}b", "aaaaaaaaab"),
            (r"(?i:ss?|S){1,30} no", "ssss no"),
        ],
    )
    def test_are_refused(self, tmp_path, pattern, sample):
        text = f"[[rule]]\nid = 'my.rule'\ncause = 'c.error'\nrole = 'cause'\nanchors = ['{sample}']\n"
        path = put(tmp_path / "a.toml", f"{text}pattern = '{pattern}'\nsamples = ['{sample}']\n")
        start = time.process_time()
        with pytest.raises(RuleError) as refused:
            load_book(path, environ={})
        assert time.process_time() - start < 3
        assert str(refused.value).startswith(f"{path}, my.rule: pattern: lines such as ")
        assert str(refused.value).endswith(SLOW)

    def test_are_refused_as_unless_and_instruction_too(self, tmp_path):
        for key in ("unless", "instruction"):
            path = put(tmp_path / "a.toml", RULE + f"{key} = 'X(?:a|a){{1,30}}c|X$'\n")
            with pytest.raises(RuleError, match=f"my.rule: {key}: lines such as .* would take too long"):
                load_book(path, environ={})

    @pytest.mark.parametrize(
        "pattern",
        [
            r"(?P<file>\S{1,256}):(?P<line>\d{1,9}): cannot (?P<reason>.{1,400})",
            r"(?:[\w.-]{1,64}/){1,8}(?P<file>[\w.-]{1,64})",
            r"(?:\w{1,64}+){1,8}",
            r"(?>\w{1,64}){1,8} frobnicate",
            r"\d{1,3}(?:\.\d{1,3}){3}|cannot",
            r"(?<=cannot )(?i:FROBNICATE)(?! b)[^\S\n]{1,9}[[\]]{0,3}\{{0,2}",
        ],
    )
    def test_leave_honest_ones_alone(self, tmp_path, pattern):
        text = RULE.replace(r"cannot frobnicate (?P<file>\S{1,200})", pattern)
        sample = "lib/a.c:1: cannot frobnicate 10.0.0.1"
        path = put(tmp_path / "a.toml", text.replace("cannot frobnicate a.c", sample))
        assert rule_in(load_book(path, environ={})).match(sample) is not None


class TestExamine:
    def test_tells_all_that_is_wrong(self, tmp_path):
        path = put(
            tmp_path / "a.toml",
            RULE
            + RULE.replace("my.rule", "my.second").replace("c.error", "no.cause")
            + RULE.replace("my.rule", "my.third").replace(
                "samples = [",
                'counter = ["cannot frobnicate b.c", "cannot frobnicate c.c"]\nsamples = ["cannot", ',
            ),
        )
        examined = examine_rules(path, environ={})
        assert (examined.rules, examined.files) == (3, (str(path),))
        assert [(error.file, error.entry) for error in examined.errors] == [
            (str(path), "my.second"),
            (str(path), "my.third"),
            (str(path), "my.third"),
            (str(path), "my.third"),
        ]
        assert [error.reason.partition(";")[0] for error in examined.errors] == [
            "unknown cause 'no.cause'",
            "the sample 'cannot' does not match, since it holds no anchor",
            "the counter sample 'cannot frobnicate b.c' matches",
            "the counter sample 'cannot frobnicate c.c' matches",
        ]

    def test_takes_the_environment_s(self, tmp_path):
        path = put(tmp_path / "a.toml", RULE)
        assert examine_rules(environ={"LOGPARSE_RULES": str(path)}) == (1, (str(path),), ())

    def test_the_package_s_rules_are_well(self):
        examined = examine_rules(environ={})
        assert [str(error) for error in examined.errors] == []
        assert examined.rules == len(default_rules().rules)
        assert examined.files == ("package",)


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates(),
        st.sampled_from(["c.error", "cause", "output", "last", "a", "(?P<file>a)", "{file}", "a{1,9}"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=2)),
    max_leaves=4,
)  # fmt: skip
KEYS = st.sampled_from(
    [
        "id",
        "cause",
        "role",
        "where",
        "pick",
        "weight",
        "exits",
        "anchors",
        "pattern",
        "unless",
        "instruction",
        "identity",
        "explains",
        "within",
        "samples",
        "counter",
        "era",
        "title",
        "owner",
        "retry",
        "remedy",
        "colour",
    ]
)
GOOD = {
    "id": "my.rule",
    "cause": "c.error",
    "role": "cause",
    "anchors": ["frob"],
    "pattern": "frob",
    "samples": ["frob"],
}
PIECES = st.sampled_from(
    ["a", "b", ".", r"\w", r"\d", r"\S", "[ab]", "[^a]", "(", "(?:", "(?P<file>", "(?>", "(?=", "(?<!", ")", "|", "{1,9}",
     "{0,40}", "?", "+", "*", "{1,9}+", "{2}", "{9,2}", "{1,99}?", "^", "$", r"\b", "[", "]", "{", "}", "\\", "(?i)", "(?R)", r"\1",
     "\u00e9", "\x00", r"\p{L}", r"\p{", "[[:alpha:]]", "-", "&&", "(?#", "(?P>file)", "#", " "]
)  # fmt: skip


class TestWhateverIsInAFile:
    @given(st.dictionaries(KEYS, VALUES, max_size=3))
    def test_a_rule_is_made_or_refused_in_one_sentence(self, changes):
        try:
            rule = rule_of(GOOD | changes, default_rules().causes, file="a.toml", origin="a.toml")
        except RuleError as error:
            sentence = str(error)
        else:
            sentence = "; ".join(f"{rule.id}: {flaw}." for flaw in flaws(rule)) or "a.toml."
        assert sentence.isprintable()
        assert sentence.endswith(".")

    @given(st.text(max_size=8), VALUES)
    def test_a_cause_is_made_or_refused_in_one_sentence(self, name, entry):
        try:
            sentence = cause_of(name, entry, file="a.toml").title
        except RuleError as error:
            sentence = str(error)
        assert sentence
        assert sentence.isprintable()

    @given(st.lists(PIECES, max_size=12).map("".join))
    @settings(deadline=None)
    def test_a_pattern_is_refused_or_ends_soon(self, pattern):
        if flaw(pattern) is None:
            start = time.process_time()
            costly_line(pattern, ["a b", "ab0"], limit=0.05)
            assert time.process_time() - start < 5

    @given(st.binary(max_size=200))
    def test_bytes_are_rules_or_refused(self, tmp_path_factory, data):
        path = tmp_path_factory.mktemp("rules") / "a.toml"
        path.write_bytes(data)
        examined = examine_rules(path, environ={})
        assert all(str(error).startswith(str(path)) for error in examined.errors)
