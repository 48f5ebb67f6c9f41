"""What rules know of many logs, and what they miss."""

from __future__ import annotations

from logparse.diagnosis import default_rules
from logparse.diagnosis.coverage import Spoken, coverage
from logparse.model import Build
from logparse.parser import parse


def build(*said: str, code: int | None = 1) -> Build:
    lines = "".join(f"{line}\n" for line in said)
    end = (
        "Successfully built 0123456789ab\n"
        if code is None
        else f"The command '/bin/sh -c x' returned a non-zero code: {code}\n"
    )
    (made,) = parse(f"Step 1/1 : RUN x\n ---> Running in ba9876543210\n{lines}{end}".encode())
    return made


LOCATE = "E: Unable to locate package frob"


class TestCoverage:
    def test_counts_lines_builds_and_root_lines(self):
        counted = coverage(
            [build(LOCATE, LOCATE, code=100), build(LOCATE, code=None), build("fine", code=None)],
            default_rules(),
        )
        assert (counted.builds, counted.failures) == (3, 1)
        assert counted.spoken == {"apt.locate": Spoken(root=1, builds=2, lines=3)}
        assert counted.gaps == {}

    def test_the_most_frequent_gap_comes_first(self):
        counted = coverage(
            [
                build("frob: gave up"),
                build("zap: fell over"),
                build("zap: fell over"),
                build(LOCATE, code=100),
            ],
            default_rules(),
        )
        zap, frob = counted.gaps.values()
        assert (zap.failures, frob.failures) == (2, 1)
        assert zap.line is not None
        assert zap.line.text == "zap: fell over"
        assert (zap.rule, zap.cause, zap.build) == (None, "unknown", 0)
        assert all(fingerprint.startswith("v1:") for fingerprint in counted.gaps)

    def test_a_failure_known_by_a_wrapper_only_is_a_gap(self):
        counted = coverage([build("make: *** [Makefile:3: all] Error 2", code=2)], default_rules())
        (gap,) = counted.gaps.values()
        assert gap.rule == "make.error"
        assert counted.spoken["make.error"] == Spoken(root=1, builds=1, lines=1)

    def test_the_builder_s_own_words_count(self):
        (made,) = parse(
            b"Step 1/1 : COPY a /a\nCOPY failed: file not found in build context or excluded by .dockerignore:"
            b" stat a: file does not exist\n"
        )
        counted = coverage([made], default_rules())
        assert counted.spoken == {"docker.copy-missing": Spoken(root=1, builds=1, lines=1)}

    def test_nothing_is_nothing(self):
        counted = coverage([], default_rules())
        assert (counted.builds, counted.failures, counted.spoken, counted.gaps) == (0, 0, {}, {})
