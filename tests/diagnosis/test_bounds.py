"""Whatever is in a log, diagnosing it ends, raises nothing, and keeps little."""

from __future__ import annotations

import itertools
import time
import tracemalloc
from collections.abc import Callable, Iterator
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse.diagnosis import RuleBook, default_rules, diagnose, lines, literals, messages
from logparse.diagnosis import rule as rule_module
from logparse.diagnosis.echo import is_echo
from logparse.diagnosis.lines import rows, rows_backwards
from logparse.diagnosis.literals import Literals
from logparse.diagnosis.ranking import rank
from logparse.diagnosis.root_line import search
from logparse.diagnosis.rules import Patience, Role, Rule, patience_of
from logparse.fetch import RecordedCluster
from logparse.model import Build, Log, Span, Status, Transcript
from logparse.parser import parse
from logparse.text import plain_lines
from tests.fixtures_path import CLUSTER

PIECES = [
    b"Step 1/2 : FROM x\n", b"Step 2/2 : RUN pip install y\n", b" ---> Running in 0123456789ab\n", b"\n", b"\r",
    b"Removing intermediate container 0123456789ab\n", b" ---> ba9876543210\n", b"\x1b[91m", b"\x1b[0m",
    b"error: boom\n", b"npm ERR! code ELIFECYCLE\n", b"E: Unable to locate package z\n", b"Traceback (most recent call last):\n",
    b"The command '/bin/sh -c pip install y' returned a non-zero code: 1\n", b"rake aborted!\n", b"Successfully built ba9876543210\n",
    b"COPY failed: no source files were specified\n", b"x" * 5000, b"\xff\xfe", "\u2018error\u2019".encode(),
]  # fmt: skip


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=40)), max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_bytes_can_be_diagnosed(pieces: list[bytes]) -> None:
    for status in (None, Status.FAILED, Status.SUCCEEDED):
        data = b"".join(pieces)
        for build in parse(Log(data=data, status=status)):
            diagnosis = diagnose(build)
            messages(build)
            if diagnosis.root_line is not None:
                assert 1 <= diagnosis.root_line.number <= data.count(b"\n") + 1
                assert diagnosis.fingerprint is not None
            assert 0 <= diagnosis.confidence <= 1


@given(st.binary(max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_lines_are_found_where_they_are(data: bytes, one: int, other: int) -> None:
    start, end = sorted((min(one, len(data)), min(other, len(data))))
    text = Transcript(Log(data=data))
    for row in rows(text, [Span(start, end)]):
        assert row.at == start or data[row.at - 1] == 0x0A
        assert row.place == data.count(b"\n", start, row.at)


@given(st.lists(st.binary(max_size=40), max_size=6), st.data())
def test_backwards_the_lines_are_the_same(parts: list[bytes], data: st.DataObject) -> None:
    text = Transcript(Log(data=b"|".join(parts)))
    spans, at = [], 0
    for part in parts:
        if part and data.draw(st.booleans()):
            spans.append(Span(at, at + len(part)))
        at += len(part) + 1
    forwards = [(row.at, row.text) for row in rows(text, spans)]
    backwards = list(rows_backwards(text, spans))
    assert [(row.at, row.text) for row in backwards][::-1] == forwards
    assert [row.place for row in backwards] == sorted((row.place for row in backwards), reverse=True)


PARTS = ("a", "b", "\u2019", "\n", "\r", "\x1b[91m", "\x1b[0m", "\x00", "\u200b", " ")


class TestLiterals:
    @given(
        st.lists(st.sampled_from(PARTS), max_size=60).map("".join),
        st.sets(st.text("ab\u2019", min_size=1, max_size=3), min_size=1).map(sorted),
        st.integers(1, 40),
    )
    @settings(max_examples=300)
    def test_the_lines_with_a_literal_are_found_with_all_they_hold(
        self, text: str, wanted: list[str], block: int
    ) -> None:
        transcript = Transcript(Log(data=text.encode()))
        spans = [Span(0, len(transcript.data))]
        with patch.object(literals, "_BLOCK", block):
            found = {row: set(held) for row, held in Literals(wanted).rows(transcript, spans)}
        for row in rows(transcript, spans):
            held = {number for number, literal in enumerate(wanted) if literal in row.text}
            assert held <= found.get(row, set())
        # More lines than those are found only where something was overwritten.
        more = [row for row in found if not any(literal in row.text for literal in wanted)]
        assert "\r" in text or not more

    def test_a_long_line_is_searched_in_its_two_ends(self) -> None:
        data = b"short\n" + b"needle " * 1000 + b"\n" + b"x" * 5000 + b"needle" + b"y" * 5000 + b"\nneedle\n"
        transcript = Transcript(Log(data=data))
        found = [row.place for row, _ in Literals(["needle"]).rows(transcript, [Span(0, len(data))])]
        assert found == [1, 3]

    def test_a_line_is_found_where_it_is_though_what_is_searched_is_as_long_by_chance(self) -> None:
        # U+200B and NUL are taken out, four bytes, and each byte that is no UTF-8 becomes three.
        data = "\u200b".encode() + b"\x00a\n\xff\xffneedle\n"
        assert len(plain_lines(data)) == len(data)
        (found,) = Literals(["needle"]).rows(Transcript(Log(data=data)), [Span(0, len(data))])
        assert found[0].at == data.index(b"\xff")

    def test_what_is_outside_the_spans_is_not_seen(self) -> None:
        transcript = Transcript(Log(data=b"ab\nab\nab\nab"))
        found = list(Literals(["ab"]).rows(transcript, [Span(1, 4), Span(7, 8), Span(9, 11)]))
        assert [(row.at, row.place, row.text) for row, _ in found] == [(9, 3, "ab")]


def output(text: str) -> tuple[Transcript, list[Span]]:
    data = text.encode()
    return Transcript(Log(data=data)), [Span(0, len(data))]


def test_many_errors_leave_few_candidates() -> None:
    lines = "".join(f"E: Unable to locate package p{i} error: x{i}\nerror: y{i}\n" for i in range(10_000))
    assert len(rank(search(*output(lines), default_rules()))) < 100


class Work:
    """Counts what a diagnosis does: bytes it searches, lines it reads, patterns it runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes = self.lines = self.patterns = 0
        search, read, run = plain_lines, lines.read, Rule.read

        def searched(data: bytes) -> bytes:
            self.bytes += len(data)
            return search(data)

        def looked_at(transcript: Transcript, start: int, stop: int) -> tuple[str, Span | None]:
            self.lines += 1
            return read(transcript, start, stop)

        def tried(rule: Rule, text: str, patience: Patience | None = None) -> dict[str, str] | None:
            self.patterns += 1
            return run(rule, text, patience)

        monkeypatch.setattr(literals, "plain_lines", searched)
        monkeypatch.setattr(literals, "read", looked_at)
        monkeypatch.setattr(lines, "read", looked_at)
        monkeypatch.setattr(Rule, "read", tried)

    def of(self, what: Callable[[Build], object], log: str) -> tuple[int, int, int]:
        """What it takes for all builds of a log."""
        self.bytes = self.lines = self.patterns = 0
        for build in parse(log):
            what(build)
        return self.bytes, self.lines, self.patterns


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    return Work(monkeypatch)


def many_steps(number: int) -> str:
    steps = (
        f"Step {i}/{number} : RUN apt-get install x\n ---> Running in 0123456789ab\n"
        "E: Unable to locate package x\nfine\n"
        "Removing intermediate container 0123456789ab\n ---> ba9876543210\n"
        for i in range(1, number + 1)
    )
    return "".join(steps) + "The command '/bin/sh -c apt-get install x' returned a non-zero code: 100\n"


def many_builds(number: int) -> str:
    return (
        "Step 1/1 : RUN apt-get install x\n ---> Running in 0123456789ab\nfine\nE: Unable to locate package x\n"
        "The command '/bin/sh -c apt-get install x' returned a non-zero code: 100\n"
    ) * number


def huge_output(number: int) -> str:
    return (
        "Step 1/1 : RUN make\n ---> Running in 0123456789ab\n"
        + "".join(
            f"copied {i}\nx.c:{i}:1: error: no\n\x1b[1mall done\x1b[0m so far\nno error: {i}\nrake aborted!\n"
            for i in range(number)
        )
        + "The command '/bin/sh -c make' returned a non-zero code: 2\n"
    )


class TestWork:
    @pytest.mark.parametrize("what", [messages, diagnose], ids=["messages", "diagnose"])
    @pytest.mark.parametrize(
        ("make", "size"),
        [(many_steps, 100), (many_builds, 100), (huge_output, 6000)],
        ids=["steps", "builds", "output"],
    )
    def test_it_grows_with_the_log_and_no_faster(
        self, work: Work, what: Callable[[Build], object], make: Callable[[int], str], size: int
    ) -> None:
        once, fourfold = work.of(what, make(size)), work.of(what, make(4 * size))
        # Longer numbers make longer lines; and what is done once, whatever the size, is in both.
        assert all(more <= 4.2 * less + 300 for less, more in zip(once, fourfold, strict=True))

    def test_an_output_is_searched_once(self, work: Work) -> None:
        log = huge_output(6000)
        searched, _, _ = work.of(diagnose, log)
        assert searched < len(log)

    def test_lines_without_a_literal_are_not_read_and_no_pattern_sees_them(self, work: Work) -> None:
        log = (
            "Step 1/1 : RUN make\n ---> Running in 0123456789ab\n"
            + "copied a part of the whole\n" * 20_000
            + "E: Unable to locate package x\n"
            "The command '/bin/sh -c make' returned a non-zero code: 2\n"
        )
        _, looked_at, tried = work.of(diagnose, log)
        assert looked_at < 20
        assert tried < 50

    def test_warnings_by_the_thousand_are_not_tried_one_by_one(self, work: Work) -> None:
        log = (
            "Step 1/1 : RUN npm i\n ---> Running in 0123456789ab\n" + "npm WARN deprecated a@1\n" * 20_000
            + "npm ERR! code E404\nThe command '/bin/sh -c npm i' returned a non-zero code: 1\n"
        )  # fmt: skip
        _, _, tried = work.of(diagnose, log)
        assert tried < 50

    def test_many_rules_look_at_no_more_lines_than_few(self, work: Work) -> None:
        log = huge_output(1000)
        every_tenth = RuleBook(default_rules().causes, default_rules().rules[::10])
        searched, _, _ = work.of(diagnose, log)
        assert work.of(lambda build: diagnose(build, rules=every_tenth), log)[0] == searched


def test_an_output_of_any_size_takes_the_same_memory() -> None:
    def peak(number: int) -> int:
        (build,) = parse(huge_output(number))
        assert build.failing_step is not None
        tracemalloc.start()
        diagnose(build)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)  # compiles
    # 0.7 and 2.8 MB of output, of which 256 KiB are looked at at a time.
    assert peak(32_000) < peak(8_000) + 300_000


# Lines of tools at their ordinary work, as logs have them by the thousand.
AT_WORK = """\
Get:46 http://deb.example/debian/ jessie/main amd64 libxtables10 amd64 1.4.21-2+b1 [67.6 kB]
Hit:1 http://security.example/debian-security bookworm-security InRelease
Selecting previously unselected package liberror-perl.
Preparing to unpack .../libperl5.36_5.36.0-7_amd64.deb ...
Unpacking libgcc-6-dev:amd64 (6.3.0-18+deb9u1) ...
Setting up libpython3-dev (3.5.3-1) ...
(1/14) Installing ca-certificates (20220614-r0)
fetch https://apk.example/alpine/v3.15/main/x86_64/APKINDEX.tar.gz
  Installing : python-libs-2.7.5-88.el7.x86_64                            3/27
Collecting requests>=2.20 (from -r requirements.txt (line 3))
  Downloading https://files.example/packages/requests-2.31.0-py3-none-any.whl (62 kB)
Requirement already satisfied: pip in /usr/local/lib/python3.9/site-packages (21.2.4)
Building wheels for collected packages: numpy, scipy
copying build/lib/site-packages/foo/__init__.py -> build/bdist.linux-x86_64/egg/foo
npm info lifecycle foo@1.2.3~install: foo@1.2.3
npm http fetch GET 200 https://npm.example/lodash 134ms
> node-sass@4.14.1 install /app/node_modules/node-sass
gyp info spawn make
npm verb request uri https://npm.example/foo
added 1024 packages from 512 contributors and audited 1030 packages in 31.2s
+-- left-pad@1.3.0
gcc -Wno-unused-result -Wsign-compare -DNDEBUG -g -fwrapv -O3 -Wall -fPIC -Iinclude -c src/a.c -o build/a.o
g++ -std=gnu++11 -DHAS_EXCEPTIONS=0 -o CMakeFiles/x.dir/error.cpp.o -c /src/error.cpp
checking for stdlib.h... yes
checking whether the C compiler works... yes
-- Looking for pthread.h - found
-- Performing Test HAVE_FLAG - Success
-- Installing: /usr/local/include/foo/bar.h
[ 42%] Building CXX object CMakeFiles/foo.dir/src/bar.cpp.o
make[2]: Entering directory '/src/build'
make[1]: Leaving directory '/src'
 * [new branch]      master     -> origin/master
remote: Compressing objects: 100% (120/120), done.
Cloning into '/go/src/host.example/acme/thing'...
go: downloading host.example/acme/thing v1.2.3
host.example/acme/thing/internal/errors
package host.example/acme/thing/sub
[INFO] Downloading from central: https://maven.example/org/foo/bar/1.2/bar-1.2.pom
[INFO] --- maven-compiler-plugin:3.8.1:compile (default-compile) @ thing ---
Download https://maven.example/org/foo/bar/1.2/bar-1.2.jar
> Task :app:compileJava
   Compiling serde v1.0.130
  Downloaded libc v0.2.103
Fetching rake 13.0.6
Installing json 2.6.1 with native extensions
  - Installing symfony/console (v5.3.7): Extracting archive
  inflating: dist/repository/org/foo/1.0/foo.jar
--2020-06-27 04:29:46--  https://files.example/dist/thing-1.0.tar.gz
HTTP request sent, awaiting response... 200 OK
100 22159  100 22159    0     0  12018      0  0:00:01  0:00:01 --:--:-- 12018
drwxr-xr-x 2 root root 4096 Jun 27 04:02 node_modules
2020-06-27 04:02:04.992  INFO 126 --- [           main] o.h.engine.Start : started in 3.2 seconds
--------------------------------------------------------------------------------
"""


class TestAnchors:
    def test_lines_of_tools_at_work_wake_next_to_no_rule(self) -> None:
        rules = [rule for rule in default_rules().output if rule.role is not Role.WARNING]
        woken = {
            f"{rule.id}: {line}"
            for line in AT_WORK.splitlines()
            for rule in rules
            if any(anchor in line for anchor in rule.anchors)
        }
        # These know such lines, or ones that begin alike.
        known = (
            "maven.boiler: [INFO] ",
            "go.module: go: ",
            "apk.temporary: fetch ",
            "ts.error:   - Installing ",
        )
        assert {one for one in woken if not one.startswith(known)} == set()


def straightforward(build: Build) -> list[tuple[int, int, str]]:
    """Step, line and rule of all messages, found by showing every line to every rule."""
    rank = {Role.CAUSE: 3, Role.SYMPTOM: 2, Role.WRAPPER: 1, Role.WARNING: 0}
    found = []
    for index, step in enumerate(build.steps):
        for row in rows(build.transcript, step.outputs):
            rules = sorted(default_rules().output, key=lambda rule: rule.id)
            known = [rule for rule in rules if rule.match(row.text) is not None and rule.applies(step.text)]
            if known and not is_echo(row.text):
                best = max(known, key=lambda rule: (rank[rule.role], rule.weight))
                found.append((index, build.transcript.line_number(row.at), best.id))
    return found


def told(build: Build) -> list[tuple[int | None, int, str]]:
    return [(one.step_index, one.line.number, one.rule) for one in messages(build, limit=10**9)]


def test_messages_are_those_of_a_straightforward_search() -> None:
    for log in itertools.islice(RecordedCluster(CLUSTER).logs(), 0, None, 6):
        for build in parse(log):
            assert told(build) == straightforward(build)


@given(st.lists(st.one_of(st.sampled_from([
    b"E: Unable to", b" locate package x", b"\x1b[91m", b"\x1b[0m", b"\x1b[1m", b"\x1b[K", b"\n", b"\r", b"\x00", b"\x08",
    b"\xe2\x80\x8b", b"\xc2\x85", b"\xe2", b"there is no package called ", "\u2018dplyr\u2019".encode(), b"\xef\xbb\xbf",
    b"E: Una", b"ble to locate package y", b"x" * 4100, b"\x1b]0;", b"\x07",
]), st.binary(max_size=3)), max_size=20))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_control_sequences_hide_no_message(pieces: list[bytes]) -> None:
    data = b"Step 1/1 : RUN x\n ---> Running in 0123456789ab\n" + b"".join(pieces)
    for build in parse(Log(data=data)):
        assert told(build) == straightforward(build)


TOKEN = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize("shift", range(0, 48, 5))
def test_no_cut_leaves_half_a_secret(shift: int) -> None:
    head = "E: Unable to locate package x " + "a " * 1009
    line = head[: 2047 - shift] + " " + TOKEN + " middle " * 900 + TOKEN + " " + "z " * 1024
    line = line[: len(line) - shift]
    (build,) = parse(f"Step 1/1 : RUN x\n ---> Running in 0123456789ab\n{line}\n"
                     "The command '/bin/sh -c x' returned a non-zero code: 100\n")  # fmt: skip
    diagnosis = diagnose(build)
    (message,) = messages(build)
    assert diagnosis.root_line is not None
    for text in (diagnosis.root_line.text, message.line.text):
        assert "\n" not in text
        assert " \u2026 " in text
        assert "a1B2" not in text
        assert "1B2a" not in text


def test_a_rule_that_times_out_is_switched_off_for_the_log() -> None:
    slow = Rule(
        id="x.slow", cause="c.error", role=Role.CAUSE, anchors=("a",), samples=("a",),
        pattern=r"^(?:(?:a{1,99}){1,99}){1,99}(?=b)c",
    )  # fmt: skip
    book = RuleBook(default_rules().causes, (slow,))
    lines = ("a" * 2000 + "\n") * 40
    (build,) = parse(f"Step 1/1 : RUN x\n ---> Running in 0123456789ab\n{lines}")
    with patch.object(rule_module, "TIME_OUT", 0.01):
        messages(build, rules=book)
    patience = patience_of(build.log)
    assert patience.ended(slow)
    assert slow.match("a" * 2000, patience) is None
    assert patience._lost[slow.id] == rule_module.TIME_OUTS


def adversaries(rule: Rule, size: int) -> Iterator[str]:
    pieces = {*rule.anchors[:2], *(f"/a{anchor}" for anchor in rule.anchors[:2]), "a.", "a/", " ", "a:", "a1"}
    pieces.update(sample[: len(sample) * k // 4] for sample in rule.samples[:1] for k in (1, 2, 3))
    for piece in sorted(pieces - {""}):
        for anchor in rule.anchors[:1]:
            yield (piece * size)[: size - len(anchor)] + anchor


def test_no_rule_is_slow_on_any_line() -> None:
    def seconds(size: int) -> float:
        total = 0.0
        for rule in default_rules().rules:
            patience = Patience()
            lines = list(adversaries(rule, size))
            start = time.process_time()
            for line in lines:
                rule.match(line, patience)
                rule.applies(line, patience)
            spent = time.process_time() - start
            assert spent < 1, rule.id
            total += spent
            assert not patience._lost, rule.id
        return total

    with patch.object(rule_module, "TIME_OUT", 2):
        seconds(64)  # compiles
        assert seconds(4096) < 3 * seconds(2048)


@pytest.mark.parametrize("unit", ["a.", ".c", "a", "/a.c", "a.swift"])
def test_a_compilers_line_takes_time_in_proportion(unit: str) -> None:
    rule = next(rule for rule in default_rules().rules if rule.id == "c.error")
    line = (unit * 4096)[:4000] + ": error: no"
    patience = Patience()
    with patch.object(rule_module, "TIME_OUT", 0.05):
        rule.match(line, patience)
    assert not patience._lost


@pytest.mark.parametrize(
    "line", ["a" * 2000 + " 1" * 1000, "aa" + ".1234567890" * 360, "a1" * 2000, "aa" + " " * 4000]
)
def test_a_last_line_takes_time_in_proportion(line: str) -> None:
    evidence = search(*output(f"one\n{line}\n"), default_rules())
    started = time.process_time()
    rank(evidence)
    assert time.process_time() - started < 0.5
