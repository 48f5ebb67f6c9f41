"""Which steps of many builds are the same work."""

from __future__ import annotations

import pytest

from logparse import parse
from logparse.timing.records import Kind, record_of
from logparse.timing.works import find_works


def build(*instructions: str, cached: int = 0):
    """A classic build of these instructions, the first few from the cache."""
    lines = []
    for number, text in enumerate(instructions, 1):
        lines.append(f"Step {number}/{len(instructions)} : {text}\n")
        if 1 < number <= cached:
            lines.append(" ---> Using cache\n")
        elif number > 1:
            lines.append(f" ---> Running in {number:012x}\nRemoving intermediate container {number:012x}\n")
        lines.append(f" ---> {number:012x}\n")
    lines.append("Successfully built 0123456789ab\n")
    return parse("".join(lines).encode())[0]


def works_of(*builds):
    return find_works([record_of(each, "a").steps for each in builds])


def numbers(*builds):
    return works_of(*builds).of_builds


def test_equal_instructions_are_the_same_work_whatever_their_number():
    first = build("FROM a", "RUN make", "RUN make test")
    second = build("FROM a", "ENV A=1", "RUN make", "RUN make test")
    assert numbers(first, second) == [[0, 1, 2], [0, 3, 1, 2]]


def test_what_came_from_the_cache_is_no_work():
    first = build("FROM a", "RUN make", "RUN make test")
    second = build("FROM a", "RUN make", "RUN make test", cached=2)
    assert numbers(first, second) == [[0, 1, 2], [0, None, 2]]


def test_equal_instructions_in_one_build_are_told_apart_by_their_order():
    one = build("FROM a", "USER root", "RUN make", "USER root")
    assert numbers(one, one) == [[0, 1, 2, 3], [0, 1, 2, 3]]


def test_a_small_edit_keeps_the_work_and_is_noted():
    works = works_of(
        build("FROM a", "RUN pip install numpy==1.26.0", "COPY . /app"),
        build("FROM a", "RUN pip install numpy==1.26.4", "COPY . /app"),
    )
    assert works.of_builds == [[0, 1, 2], [0, 1, 2]]
    assert works.edited == [set(), {1}]


def test_another_instruction_in_the_same_place_is_other_work():
    works = works_of(
        build("FROM a", "RUN pip install numpy==1.26.0", "COPY . /app"),
        build("FROM a", "RUN make -j 8 all install", "COPY . /app"),
    )
    assert works.of_builds == [[0, 1, 2], [0, 3, 2]]
    assert works.edited == [set(), set()]


def test_a_renamed_stage_keeps_its_work():
    first = build("FROM a AS one", "RUN make all the things", "FROM b", "COPY --from=one /x /x")
    second = build("FROM a AS two", "RUN make all the things", "FROM b", "COPY --from=two /x /x")
    works = works_of(first, second)
    assert works.of_builds == [[0, 1, 2, 3], [0, 1, 2, 3]]
    assert works.edited[1] == {0, 3}


def test_an_edited_step_is_not_matched_across_steps_that_stayed():
    first = build("FROM a", "RUN step one of many", "COPY x /x", "RUN step two of many")
    second = build("FROM a", "COPY x /x", "RUN step one of some")
    works = works_of(first, second)
    assert works.of_builds[1][2] == works.of_builds[0][3]


def test_a_build_that_stopped_early_does_not_make_later_steps_forgotten():
    whole = build("FROM a", "RUN one thing", "RUN pip install a==1")
    short = build("FROM a", "RUN one thing")
    edited = build("FROM a", "RUN one thing", "RUN pip install a==2")
    works = works_of(whole, short, edited)
    assert works.of_builds[2] == works.of_builds[0]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("RUN make", Kind.RUN),
        ("COPY a b", Kind.COPY),
        ("ADD a b", Kind.COPY),
        ("ENV A=1", Kind.METADATA),
        ("WORKDIR /x", Kind.METADATA),
    ],
)
def test_kinds(text, kind):
    assert works_of(build("FROM a", text)).all[1].kind is kind


def test_a_base_image_that_was_pulled_is_other_work_than_one_that_was_there():
    there = build("FROM a:1", "RUN make")
    log = (
        b"Step 1/2 : FROM a:1\n1: Pulling from library/a\n0123456789ab: Pull complete\n"
        b"Digest: sha256:" + 64 * b"0" + b"\nStatus: Downloaded newer image for a:1\n ---> 000000000001\n"
        b"Step 2/2 : RUN make\n ---> Running in 000000000002\nRemoving intermediate container 000000000002\n"
        b" ---> 000000000002\nSuccessfully built 0123456789ab\n"
    )
    works = works_of(there, parse(log)[0])
    assert [work.kind for work in works.all] == [Kind.BASE, Kind.RUN, Kind.PULL]
    assert works.of_builds == [[0, 1], [2, 1]]
