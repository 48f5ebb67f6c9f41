"""Reading shell scripts: which commands they have, how these are joined, and which of them can end a script."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse.diagnosis.command.flow import enders
from logparse.diagnosis.command.script import Join, Options
from logparse.diagnosis.command.shell import LONGEST, read_script

SHELLS = [shell for shell in ("sh", "bash", "dash", "busybox") if shutil.which(shell)]


def commands(text: str) -> list[str]:
    """The simple commands of a script as they stand in it."""
    script = read_script(text)
    return [script.source(command) for command in script.commands]


def ending(text: str, options: Options | None = None) -> set[str]:
    """The commands that can have ended a script."""
    script = read_script(text, options)
    return {script.source(script.commands[index]) for index in enders(script).commands}


def programs(text: str) -> list[str]:
    """The programs that the commands of a script call."""
    return [command.name for command in read_script(text).commands]


class TestReading:
    def test_operators_cut_a_script_into_commands(self) -> None:
        assert commands("a 1 && b || c; d | e &\nf") == ["a 1", "b", "c", "d", "e", "f"]

    def test_operators_in_quotes_do_not(self) -> None:
        assert commands("echo 'a && b' \"c; d\" e\\;f && g") == ["echo 'a && b' \"c; d\" e\\;f", "g"]

    def test_a_redirection_belongs_to_the_command_before_it(self) -> None:
        assert commands("a && b > f 2>&1 && c >> g") == ["a", "b > f 2>&1", "c >> g"]

    def test_the_redirection_of_a_group_belongs_to_no_command_of_it(self) -> None:
        assert commands("{ a; b; } > f 2>&1; (c) > g") == ["a", "b", "c"]

    def test_commands_of_compound_commands_are_commands(self) -> None:
        text = "if a; then b; elif c; then d; else e; fi; for x in 1 2; do f; done; while g; do h; done"
        assert commands(text) == ["a", "b", "c", "d", "e", "f", "g", "h"]
        assert commands('case "$x" in y|z) a;; *) b; c;; esac; f() { d; }; ( e )') == [
            "a",
            "b",
            "c",
            "d",
            "e",
        ]

    def test_substitutions_hold_commands_behind_the_one_they_are_in(self) -> None:
        assert commands("x=$(a | b) c `d` && e") == ["x=$(a | b) c `d`", "a", "b", "d", "e"]

    def test_a_script_in_a_word_holds_commands(self) -> None:
        text = "a && bash -lc \"b 'x y' && c \\\"$z\\\"\" && su app -s /bin/sh -c 'd; e'"
        assert commands(text) == [
            "a",
            'bash -lc "b \'x y\' && c \\"$z\\""',
            "b 'x y'",
            'c \\"$z\\"',
            "su app -s /bin/sh -c 'd; e'",
            "d",
            "e",
        ]

    def test_here_documents_are_no_commands(self) -> None:
        assert commands("cat <<EOF > f && a\nb && c\nEOF\nd") == ["cat <<EOF", "a", "d"]

    def test_comments_are_no_commands(self) -> None:
        assert commands("a # b && c\n# d\ne") == ["a", "e"]

    def test_a_pipe_binds_before_the_rest_and_before_a_negation(self) -> None:
        root = read_script("! a | b || c && d").root
        assert (root.join, root.operators) == (Join.LIST, ("||", "&&"))
        assert root.parts[0].join is Join.NOT
        assert root.parts[0].parts[0].join is Join.PIPE

    def test_the_program_is_behind_what_only_runs_it(self) -> None:
        text = (
            "sudo -E -u root apt-get update && env A=1 B=2 make && A=1 /usr/bin/python3 x && timeout -k 5 9 curl u"
            " && nice -n 5 exec java && xargs -r rm < f && A=1"
        )
        assert programs(text) == ["apt-get", "make", "python3", "curl", "java", "rm", ""]

    def test_what_the_grammar_does_not_know_is_one_command_and_the_rest_are_their_own(self) -> None:
        assert commands("a && for x in 1; do b; && c && d | e") == ["a", "for x in 1; do b; && c && d | e"]
        assert commands("a && b (c) && d") == ["a", "b (c)", "d"]

    def test_places_count_characters(self) -> None:
        script = read_script("echo \u00e9\U0001f600 && b")
        assert [(one.start, one.end) for one in script.commands] == [(0, 7), (11, 12)]

    def test_beyond_the_longest_there_is_one_more_command(self) -> None:
        found = commands("aa && " * LONGEST + "b")
        assert found[0] == "aa"
        assert found[-1].endswith("aa && b")
        assert len(found[-1]) > LONGEST

    def test_deep_nesting_ends_in_one_command(self) -> None:
        assert len(commands("(a; " * 500 + "b" + ")" * 500)) < 50
        assert len(commands("x=$(" * 500 + "b" + ")" * 500)) < 50
        assert len(commands("if a; then " * 200 + "b" + "; fi" * 200)) < 100


PIECES = [
    "a", "b c", "&&", "||", ";", "|", "&", "\n", "(", ")", "{", "}", "$(", "`", '"', "'", "$((", "))", "[[", "]]",
    "[ ", " ]", "if ", "then ", "fi", "else ", "for x in ", "do ", "done", "while ", "case x in ", "esac", ";;",
    "<<EOF", "\nEOF\n", ">", "2>&1", "$x", "${y:-", "#", "\\", "=", "! ", "f() ", "bash -c ", 'sh -c "', "\u00e9",
    "\x00", "\ud800", "exit 1", "set -e\n", "|&", "<(", "((", " ", "\r", "eval ", "return 2", "trap a EXIT;",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_script(text: str) -> None:
    script = read_script(text)
    for index, command in enumerate(script.commands):
        assert command.index == index
        assert 0 <= command.start <= command.end <= len(text)
    assert enders(script).commands <= set(range(len(script.commands)))


@pytest.mark.parametrize(
    "piece", ["a | ", "a && ", "(", "$(", '"', "<", "<<E ", "`", "${a:-", "if a; then ", "f() { "]
)
def test_a_long_repetition_takes_no_longer_than_a_part_of_it(piece: str) -> None:
    started = time.perf_counter()
    read_script(piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - started < 10


class TestEnding:
    def test_in_a_chain_any_can(self) -> None:
        assert ending("a && b && c") == {"a", "b", "c"}

    def test_behind_a_semicolon_only_the_last_can(self) -> None:
        assert ending("a; b\nc") == {"c"}

    def test_of_a_pipe_only_the_last_can(self) -> None:
        assert ending("a | b | c") == {"c"}
        assert ending("a | b && c") == {"b", "c"}

    def test_with_pipefail_any_of_a_pipe_can(self) -> None:
        assert ending("set -o pipefail; a | b && c") == {"set -o pipefail", "a", "b", "c"}
        assert ending("a | b", Options(pipefail=True)) == {"a", "b"}

    def test_with_errexit_the_first_that_fails_ends(self) -> None:
        assert ending("a; b; c", Options(errexit=True)) == {"a", "b", "c"}
        assert ending("set -eux; a; b") == {"a", "b"}
        assert ending("set -e; set +e; a; b") == {"b"}

    def test_what_is_looked_at_does_not_end_even_with_errexit(self) -> None:
        options = Options(errexit=True)
        assert ending("a && b; c", options) == {"b", "c"}
        assert ending("if a; then b; fi; ! c; d", options) == {"b", "d"}

    def test_what_is_guarded_does_not_end(self) -> None:
        assert ending("a || true; b || :") == set()
        assert ending("a || b") == {"b"}

    def test_what_runs_in_the_background_does_not_end(self) -> None:
        assert ending("a & b") == {"b"}

    def test_an_assignment_ends_with_what_is_substituted(self) -> None:
        assert ending("x=$(a; b) && y=1 && c") == {"b", "c"}
        assert ending("export x=$(a)") == {"export x=$(a)"}

    def test_a_function_ends_where_it_is_called(self) -> None:
        assert ending("f() { a; b; }; c && f") == {"b", "c"}

    def test_commands_behind_an_exit_do_not_run(self) -> None:
        assert ending("a && exit 3; b; exit 4; c") == {"exit 3", "exit 4"}

    def test_the_status_of_exit_and_of_negations_is_known(self) -> None:
        script = read_script("a && exit 300; ! b")
        assert enders(script).status == {1: 300 % 256, 2: 1}

    def test_exit_without_a_number_passes_on_what_failed_before(self) -> None:
        assert ending("a || exit; b") == {"a", "b"}
        assert ending("a || exit $?") == {"a"}

    def test_a_deliberate_exit_stands_for_what_it_guards(self) -> None:
        for text in (
            "a || exit 1",
            "a || { echo no; exit 1; }",
            "a || (echo no; false)",
            "if ! a; then exit 1; fi",
            "if a; then b || true; else exit 1; fi",
            "a || [ $? -eq 2 ]",
        ):
            script = read_script(text)
            stands_for = enders(script).stands_for
            assert [set(found) for found in stands_for.values()] == [{0}], text

    def test_an_exit_for_a_condition_stands_for_itself(self) -> None:
        assert enders(read_script('if [ "$(uname)" = x ]; then exit 4; fi')).stands_for == {}

    def test_constants_are_compared(self) -> None:
        assert ending('if [ "" = "true" ]; then a; else b; fi') == {"b"}
        assert ending('[ x != y ] && a; if [ -n "" ]; then b; fi') == set()
        assert ending('if [ "$X" = "true" ]; then a; else b; fi') == {"a", "b"}

    def test_functions_that_call_each_other_are_followed_for_a_while(self) -> None:
        text = "".join(f"f{n}() {{ f{n + 1}; f{n + 1}; }}; " for n in range(60)) + "f0"
        assert ending(text)


# Scripts are made of functions that fail with a status of their own, so that the status of a shell tells which of
# them ended it. Every way in which they can succeed and fail is run in real shells.


@st.composite
def scripts(draw: st.DrawFn) -> tuple[str, int]:
    """A script over ``L1``, ``L2``, ..., and how many of those it has."""
    count = 0

    def leaf() -> str:
        nonlocal count
        count += 1
        return f"L{count}"

    def part(depth: int) -> str:
        shape = draw(st.sampled_from(SHAPES)) if depth else "{}"
        inner = [part(depth - 1) for _ in range(shape.count("{}"))] if shape != "{}" else [leaf()]
        return shape.replace("{}", "%s") % tuple(inner)

    text = draw(st.sampled_from(["", "set -e; "])) + part(3)
    return text, count


SHAPES = [
    "{}", "{}", "{}", "{} && {}", "{} && {}", "{} || {}", "{}; {}", "{} | {}", "( {} )", "( ! ( {} ) )", "true && ! ( {} )", "{} || true",
    "if {}; then {}; fi", "if {}; then {}; else {}; fi", "for i in 1 2; do {}; done", "case x in x) {};; esac",
    "{} || exit 99", "{} || exit", "v=$( {} )", "set -e; {}",
]  # fmt: skip
_MOST = 6


@pytest.mark.parametrize("shell", SHELLS)
@given(scripts().filter(lambda made: made[1] <= _MOST))
@settings(max_examples=60, deadline=None)
def test_the_commands_that_can_end_a_script_are_those_that_do(shell: str, made: tuple[str, int]) -> None:
    text, count = made
    script = read_script(text)
    found = enders(script)
    expected = {script.source(script.commands[index]) for index in found.commands}
    inverted = {
        script.source(script.commands[index]) for index, status in found.status.items() if status == 1
    }
    program = "".join(f"L{n}() {{ return $S{n}; }}\n" for n in range(1, count + 1))
    for fails in itertools.product((0, 1), repeat=count):
        settings_ = " ".join(f"S{n}={(10 + n) * bad}" for n, bad in enumerate(fails, 1))
        program += f"( {settings_}; {text}\n); echo $?\n"
    call = [shell, "sh"] if shell == "busybox" else [shell]
    done = subprocess.run([*call, "-c", program], capture_output=True, text=True, check=False)
    assert not done.stderr
    for status in map(int, done.stdout.split()):
        if status == 99:
            assert "exit 99" in expected
        elif status == 1:
            assert inverted & expected
        elif status:
            assert f"L{status - 10}" in expected
    # And nothing is said to that did not, but for two things that shells do not agree on: whether "set -e" holds
    # in a substitution, and what is a success there.
    seen = {f"L{status - 10}" for status in map(int, done.stdout.split()) if status not in {0, 1, 99}}
    if "$(" not in text and "!" not in text and "set -e" not in text:
        assert {name for name in expected if name.startswith("L")} == seen
