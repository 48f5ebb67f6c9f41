"""The rule files: every rule does what its samples say, and a wrong rule is refused with its place."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from logparse.diagnosis import Cause, Rule, RuleError, default_rules, load_causes, load_rules
from logparse.diagnosis.check import DERIVED
from logparse.diagnosis.rules import DELAYS, PACKAGE, SUBJECTS, Patience, Pick, Role, Where
from logparse.errors import LogparseError

RULES = default_rules().rules
CAUSES = {"x.y": Cause("x.y", "A thing", "code", "no", None)}
GOOD = """
[[rule]]
id = "x.rule"
cause = "x.y"
role = "cause"
anchors = ["broken"]
pattern = 'broken (?P<package>\\w{1,9})'
samples = ["broken pipe"]
"""


class TestEveryRule:
    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
    def test_knows_its_samples(self, rule: Rule) -> None:
        assert [sample for sample in rule.samples if rule.match(sample) is None] == []

    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
    def test_has_a_sample_for_every_anchor(self, rule: Rule) -> None:
        assert [anchor for anchor in rule.anchors if not any(anchor in text for text in rule.samples)] == []

    @pytest.mark.parametrize("rule", [rule for rule in RULES if rule.counter], ids=lambda rule: rule.id)
    def test_leaves_its_counter_samples(self, rule: Rule) -> None:
        assert [line for line in rule.counter if rule.match(line) is not None] == []

    def test_there_are_many_for_the_common_tools(self) -> None:
        tools = {rule.id.partition(".")[0] for rule in RULES}
        assert {"apt", "apk", "pip", "npm", "maven", "go", "docker", "registry", "git", "net"} <= tools

    def test_command_rules_name_exit_codes_or_bind_both_ends(self) -> None:
        loose = [r.id for r in default_rules().command if not r.exits and not r.pattern.startswith("^")]
        assert loose == []

    def test_causes_are_all_described(self) -> None:
        causes = default_rules().causes
        assert "unknown" in causes
        assert all(cause.title for cause in causes.values())


class TestMatch:
    def rule(self, **changes: object) -> Rule:
        fields: dict[str, object] = {
            "id": "x.rule",
            "cause": "x.y",
            "role": Role.CAUSE,
            "anchors": ("broken",),
            "pattern": r"broken (?P<package>\w{1,9})",
            "samples": ("broken pipe",),
        }
        return Rule(**{**fields, **changes})  # type: ignore[arg-type]

    def test_gives_what_the_line_names(self) -> None:
        assert self.rule().match("a broken pipe") == {"package": "pipe"}

    def test_needs_an_anchor(self) -> None:
        assert self.rule(anchors=("absent",)).match("a broken pipe") is None

    def test_honours_unless(self) -> None:
        assert self.rule(unless="^warning").match("warning: broken pipe") is None

    def test_takes_what_the_instruction_names(self) -> None:
        rule = self.rule(instruction=r"^ADD (?P<url>http\S{1,99})")
        assert rule.named_in("ADD http://files.example/a /a") == {"url": "http://files.example/a"}
        assert rule.named_in("COPY a /a") is None
        assert self.rule().named_in("COPY a /a") == {}

    def test_applies_only_to_its_instruction(self) -> None:
        rule = self.rule(instruction=r"\bpip\b")
        assert rule.applies("RUN pip install x")
        assert not rule.applies("RUN make")
        assert self.rule().applies("RUN make")

    def test_gives_up_on_a_pattern_that_does_not_end(self) -> None:
        # Bounds alone do not keep nested repetitions from taking years: the time-out does.
        rule = self.rule(anchors=("a",), pattern=r"^(?:(?:a{1,99}){1,99}){1,99}(?=b)c")
        assert rule.match("a" * 4000) is None


class TestPatience:
    """A rule that no check has seen, as one made in Python, does not hold up a log for long."""

    SLOW = Rule(
        id="x.slow",
        cause="x.y",
        role=Role.CAUSE,
        anchors=("a",),
        pattern=r"^(?:a|a){1,15}c",
        samples=("ac",),
        origin="my.toml",
    )
    LINE = "a" * 15 + " c"
    """It takes some milliseconds, far from a time-out."""

    def test_a_rule_that_is_slow_again_and_again_is_switched_off(self) -> None:
        patience = Patience()
        for _ in range(DELAYS):
            assert not patience.ended(self.SLOW)
            assert self.SLOW.match(self.LINE, patience) is None
        assert patience.ended(self.SLOW)
        assert self.SLOW.match("ac", patience) is None
        assert self.SLOW.match("ac", Patience()) == {}

    def test_being_slow_changes_no_answer(self) -> None:
        slow = replace(self.SLOW, pattern=r"^(?:a|a){1,15}c|(?P<package>c)")
        assert slow.match(self.LINE, Patience()) == {"package": "c"}

    def test_unless_and_instruction_count_as_well(self) -> None:
        for rule in (
            replace(self.SLOW, pattern="a", unless=self.SLOW.pattern),
            replace(self.SLOW, pattern="a", instruction=self.SLOW.pattern),
        ):
            patience = Patience()
            for _ in range(DELAYS):
                if rule.match(self.LINE, patience) is not None:
                    rule.applies(self.LINE, patience)
            assert patience.ended(rule)

    def test_the_other_rules_go_on(self) -> None:
        patience = Patience()
        for _ in range(DELAYS):
            patience.delay(self.SLOW)
        other = replace(self.SLOW, id="x.other", pattern="a")
        assert other.match("a", patience) == {}

    def test_only_a_rule_of_the_package_searches_a_short_line_without_a_clock(self) -> None:
        slow = replace(self.SLOW, pattern=r"^(?:a|a){1,18}c")
        line = "a" * 18 + " c"
        patience = Patience()
        assert replace(slow, origin=PACKAGE).match(line, patience) is None
        assert not patience._late
        assert slow.match(line, patience) is None
        assert patience._late == {"x.slow": 1}
        assert replace(slow, origin=PACKAGE).match(line + " " * 512, patience) is None
        assert patience._late == {"x.slow": 2}

    def test_a_line_without_what_the_pattern_needs_is_not_searched(self) -> None:
        slow = replace(self.SLOW, pattern=r"^(?:a|a){1,18}cde")
        patience = Patience()
        assert slow.match("a" * 18 + " cd", patience) is None
        assert not patience._late
        assert slow.match("a" * 18 + " cde", patience) is None
        assert patience._late == {"x.slow": 1}

    def test_a_rule_of_the_package_is_never_slow_on_its_samples(self) -> None:
        patience = Patience()
        for rule in RULES:
            for sample in rule.samples:
                rule.match(sample, patience)
        assert not patience._late


class TestRemedy:
    def test_fills_in_what_the_line_names(self) -> None:
        cause = Cause("x.y", "A thing", "code", "no", "Install {package}.")
        assert cause.advice({"package": "libfoo"}) == "Install libfoo."

    def test_leaves_out_sentences_about_what_is_not_known(self) -> None:
        cause = Cause("x.y", "A thing", "code", "no", "Build again.\nAsked for {url}.")
        assert cause.advice({}) == "Build again."

    def test_is_absent_rather_than_empty(self) -> None:
        assert Cause("x.y", "A thing", "code", "no", "Asked for {url}.").advice({}) is None
        assert Cause("x.y", "A thing", "code", "no", None).advice({}) is None

    def test_speaks_of_known_subjects_only(self) -> None:
        everything = dict.fromkeys(SUBJECTS | DERIVED, "x")
        for cause in default_rules().causes.values():
            if cause.remedy is not None:
                sentences = cause.remedy.strip().split("\n")
                assert cause.advice(everything) == " ".join(
                    sentence.format_map(everything) for sentence in sentences
                )


class TestLoading:
    def load(self, folder: Path, text: str) -> tuple[Rule, ...]:
        (folder / "tool.toml").write_text(text, encoding="utf-8")
        return load_rules(folder, CAUSES, check_samples=True)

    def test_reads_what_is_written(self, tmp_path: Path) -> None:
        text = GOOD + 'pick = "last"\nexits = [7]\nwhere = "builder"\nweight = 3\nera = "tool <= 9"\n'
        (rule,) = self.load(tmp_path, text)
        assert (rule.pick, rule.where, rule.weight) == (Pick.LAST, Where.BUILDER, 3)
        assert rule.exits == {7}
        assert rule.era == "tool <= 9"
        assert rule.origin == "package"

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            ('cause = "x.y"', 'cause = "x.z"', "unknown cause 'x.z'"),
            (
                'role = "cause"',
                'role = "reason"',
                "unknown role 'reason'; write one of cause, symptom, wrapper, warning",
            ),
            ('["broken pipe"]', '["broken "]', "the sample 'broken ' does not match"),
            ('["broken pipe"]', "[]", "a rule needs 'samples'"),
            ('["broken"]', "[]", "a rule needs 'anchors'"),
            ('["broken"]', '["broken", ""]', "an empty anchor"),
            (r"\w{1,9}", r"\w+", "the repetition '+' at 21 has no upper bound"),
            (r"\w{1,9}", r"\w*?", "the repetition '*' at 21 has no upper bound"),
            (r"\w{1,9}", r"\w{2,}", "the repetition '{2,}' at 21 has no upper bound"),
            ("<package>", "<parcel>", "unknown subject 'parcel'"),
            (r"\w{1,9})", r"\w{1,9}", "missing )"),
            ("anchors", "ankers", "a rule needs 'anchors'"),
            ('role = "cause"', 'role = "cause"\ncolour = "red"', "unknown key 'colour'"),
            ('role = "cause"', 'role = "cause"\nidentity = ["file"]', "identity: no group is called 'file'"),
            ('id = "x.rule"', "id = ", "Invalid value"),
            ('role = "cause"', 'role = "cause"\nera = 9', "'era' is no text; put it in quotes"),
        ],
    )
    def test_refuses_a_wrong_rule_and_names_the_reason(
        self, tmp_path: Path, old: str, new: str, reason: str
    ) -> None:
        assert old in GOOD
        with pytest.raises(RuleError) as refused:
            self.load(tmp_path, GOOD.replace(old, new))
        assert str(refused.value).startswith("tool.toml")
        assert reason in str(refused.value)

    def test_refuses_an_id_that_is_taken(self, tmp_path: Path) -> None:
        with pytest.raises(RuleError, match=r"tool\.toml, x\.rule: the id is taken"):
            self.load(tmp_path, GOOD + GOOD)

    def test_refuses_a_counter_sample_that_matches(self, tmp_path: Path) -> None:
        with pytest.raises(RuleError, match="the counter sample 'broken off' matches"):
            self.load(tmp_path, GOOD + 'counter = ["broken off"]')

    def test_accepts_possessive_repetitions_and_literal_signs(self, tmp_path: Path) -> None:
        text = GOOD.replace(r"(?P<package>\w{1,9})", r"(?P<package>\w{1,9}+)|g\+\+|[*+]")
        assert self.load(tmp_path, text)[0].match("broken g++") is not None

    @pytest.mark.parametrize(
        ("entry", "reason"),
        [
            ('owner = "code"\nretry = "no"', "a cause needs a title"),
            ('title = "T"\nowner = "nobody"\nretry = "no"', "unknown owner 'nobody'"),
            ('title = "T"\nowner = "code"\nretry = "often"', "yes, no or maybe, not 'often'"),
            ('title = "T"\nowner = "code"\nretry = "no"\ncolour = "red"', "unknown key 'colour'"),
        ],
    )
    def test_refuses_a_wrong_cause(self, tmp_path: Path, entry: str, reason: str) -> None:
        path = tmp_path / "causes.toml"
        path.write_text(f'["x.y"]\n{entry}\n', encoding="utf-8")
        with pytest.raises(RuleError, match=r"causes\.toml, x\.y: ") as refused:
            load_causes(path)
        assert reason in str(refused.value)

    def test_errors_are_of_the_package(self, tmp_path: Path) -> None:
        with pytest.raises(LogparseError):
            load_causes(tmp_path / "absent.toml")

    def test_the_files_of_the_package_load(self) -> None:
        here = files("logparse.diagnosis")
        assert load_rules(here / "rules", load_causes(here / "causes.toml")) == RULES
