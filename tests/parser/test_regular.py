"""Finding regular stretches of a log changes nothing but the time it takes."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse.parser.classic import regular
from logparse.parser.classic.cutter import Cutter
from logparse.parser.classic.lines import Lines, hex_number, is_hex, read_number, word
from logparse.parser.classic.markers import CONTEXT, NON_ZERO, REMOVAL, RUNNING
from logparse.parser.classic.places import Places, find_places

_IMAGE, _CONTAINER, _OTHER = b"0123456789ab", b"ba9876543210", b"cafecafecafe"
_CONTEXT_LINE = b"Sending build context to Docker daemon  2.048kB\r\r\n"


def cut(data: bytes, *, is_regular: bool) -> tuple[bytes, list[int], list[int]]:
    cutter = Cutter(data, regular=is_regular)
    cutter.cut()
    return bytes(cutter.tape.kinds), list(cutter.tape.ends), cutter.builds


def assert_same(data: bytes) -> None:
    assert cut(data, is_regular=True) == cut(data, is_regular=False)


def run_step(number: int, total: int, output: bytes, container: bytes = _CONTAINER) -> bytes:
    return b"Step %d/%d : RUN make\n ---> Running in %s\n%sRemoving intermediate container %s\n ---> %s\n" % (
        number,
        total,
        container,
        output,
        container,
        _IMAGE,
    )


def good_build(steps: int = 3, tail: bytes = b"") -> bytes:
    made = _CONTEXT_LINE + b"".join(run_step(number, steps, b"out\n") for number in range(1, steps + 1))
    return made + b"Successfully built %s\nSuccessfully tagged a:b\n" % _IMAGE + tail


def failed_build(command: bytes = b"make", before: bytes = b"boom\n") -> bytes:
    return (
        _CONTEXT_LINE
        + b"Step 1/1 : RUN %s\n ---> Running in %s\n" % (command, _OTHER)
        + before
        + b"The command '/bin/sh -c %s' returned a non-zero code: 2\n" % command
    )


_PUSH = b"The push refers to repository [a]\n0123456789ab: Preparing\n0123456789ab: Pushed\nb: digest: sha256:0 size: 1\n"
_CLEANUP = b"Untagged: a:b\nDeleted: sha256:00\n"
_PULL = b"b: Pulling from a\n0123456789ab: Pull complete\nDigest: sha256:0\nStatus: Downloaded\n"


class TestWholeBuilds:
    """What is regular is not visited by the machine."""

    @pytest.mark.parametrize(
        "data",
        [
            good_build() * 3,
            good_build(tail=_PUSH + _CLEANUP) * 3,
            good_build(tail=b"DEPRECATED: The legacy builder is deprecated and\n            so on\n\n") * 3,
            failed_build() * 3 + good_build(),
            failed_build(before=b"glued") + good_build(),
            _CONTEXT_LINE + b"Step 1/2 : COPY a b\nCOPY failed: no such file\n" + good_build(),
            _CONTEXT_LINE
            + b"Step 1/2 : FROM a\n%s ---> %s\nStep 2/2 : CMD x\n ---> Using cache\n ---> %s\n"
            % (_PULL, _IMAGE, _IMAGE)
            + b"Successfully built %s\n" % _IMAGE,
            good_build().replace(b"out\n", b"Step 9/1 : FROM x\nglued"),
        ],
    )
    def test_one_run_holds_them(self, data):
        assert_same(data)
        # Whether the last element goes on is told from the line behind it.
        run, *_ = regular.find_regular(data + b"Step 1/1 : FROM a\n", Places(data))
        assert run.start == 0
        assert run.end >= data.rindex(b"Successfully built")

    def test_builds_are_counted(self):
        cutter = Cutter(good_build() * 4, regular=True)
        cutter.cut()
        kinds = bytes(cutter.tape.kinds)
        assert len(cutter.builds) == 4
        assert [kinds[element] for element in cutter.builds] == [2] * 4


class TestSameAsTheMachine:
    """Whatever looks regular and is not."""

    @pytest.mark.parametrize(
        "data",
        [
            # The line of a late removal that speaks of the container at hand, too.
            good_build().replace(b"out\n", b"Error removing intermediate container cafecafecafe: ", 1),
            # A second build whose first step stands in the middle of a line.
            good_build(tail=b"Untagged: a\rStep 1/1 : FROM a\n") + good_build(),
            good_build(tail=b"Untagged: a\r\x1b[0mStep 1/1 : FROM a\n") + good_build(),
            good_build(tail=b"Untagged: " + _CONTEXT_LINE) + good_build(),
            # A pull of an image with an odd tag, and one on a terminal.
            b"Step 1/2 : FROM a\nUntagged: Pulling from a\n ---> %s\nStep 2/2 : CMD x\n" % _IMAGE,
            good_build(tail=b"Untagged: Pulling from x\n") + good_build(),
            b"Step 1/2 : FROM a\n%s\n0123456789ab: Done\n ---> %s\nStep 2/2 : CMD x\n" % (_PULL, _IMAGE),
            # The sentence with which a command fails, twice, glued to itself.
            failed_build(before=b" returned a non-zero code: returned a non-zero code: 3\n") + good_build(),
            failed_build(before=b"The command '/bin/sh -c make' returned a non-zero code: 1\n")
            + good_build(),
            failed_build() + b"text\n" + failed_build()[len(_CONTEXT_LINE) :],
            failed_build(before=b"Service 'x' failed to build: ") + good_build(),
            failed_build(command=b'["make"]') + good_build(),
            # A context with nothing behind it, and one with returns before the next line.
            _CONTEXT_LINE * 2 + good_build(),
            good_build() + _CONTEXT_LINE + b"\rStep 1/1 : RUN x\n ---> %s\n" % _IMAGE,
            good_build().replace(b"\n", b"\r\n") * 2,
            # Ids that are none, and lines that are longer than the builder's.
            good_build().replace(b" ---> 0123456789ab", b" ---> 0123456789aX"),
            good_build().replace(b" ---> 0123456789ab", b" ---> 0123456789ab0"),
            good_build().replace(b"Running in", b"Running,in"),
            b"Step 1/2 : CMD x\n ---> UsXng cache\n ---> %s\nStep 2/2 : CMD x\n" % _IMAGE,
            b"Step 1/12345678 : CMD x\n ---> %s\nStep 2/12345678 : CMD x\n" % _IMAGE,
            good_build() + good_build()[len(_CONTEXT_LINE) :],
        ],
    )
    def test_it_is_left_to_it(self, data):
        assert_same(data)
        assert_same(data + good_build())
        assert_same(good_build() + data + failed_build() + data)

    @given(st.integers(0, 2**32), st.sampled_from([300, 1000, 1 << 22]))
    @settings(max_examples=300, deadline=None)
    def test_builds_that_were_tampered_with(self, seed, chunk):
        randomly = random.Random(seed)
        pieces = [
            *[
                good_build(steps, tail)
                for steps in (1, 2, 3)
                for tail in (b"", _PUSH, _PUSH + _CLEANUP, _CLEANUP)
            ],
            *[failed_build(), failed_build(b"make all", b""), failed_build(before=b"\x1b[91mred\x1b[0m")],
        ]
        lines = [line for piece in pieces for line in piece.splitlines(keepends=True)]
        lines += [
            b"glued",
            b"\r",
            b"\r\n",
            b"\n",
            b"\x1b[0m",
            b"    indented\n",
            b"x " + CONTEXT,
            *_PULL.split(b"\n"),
        ]
        data = b"".join(randomly.choices(pieces, k=randomly.randint(1, 4)))
        for _ in range(randomly.randint(0, 3)):
            whole = data.splitlines(keepends=True)
            here, there = sorted(randomly.choices(range(len(whole) + 1), k=2))
            there = min(there, here + 3)
            match randomly.randrange(4):
                case 0:
                    del whole[here:there]
                case 1:
                    whole[here:here] = whole[here:there]
                case 2:
                    whole[here:here] = randomly.choices(lines, k=randomly.randint(1, 3))
                case _ if here < len(whole):
                    whole[here] = whole[here][: randomly.randint(0, len(whole[here]))]
            data = b"".join(whole)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(regular, "_CHUNK", chunk)
            patch.setattr(regular, "_SMALL_CHUNK", chunk)
            assert_same(data)

    def test_very_short_lines_are_read_fewer_at_a_time(self, monkeypatch):
        monkeypatch.setattr(regular, "_CHUNK", 4096)
        monkeypatch.setattr(regular, "_SMALL_CHUNK", 512)
        data = b"".join(run_step(number, 99, b"x\n" * 60) for number in range(1, 99))
        assert_same(data)
        runs = list(regular.find_regular(data, Places(data)))
        assert sum(run.last_number - run.number + 1 for run in runs) == 98


class TestPlaces:
    """All places of sentences in one pass."""

    SENTENCES = (REMOVAL, NON_ZERO, CONTEXT)

    @given(
        st.lists(st.sampled_from([*SENTENCES, *(one[:-3] for one in SENTENCES), b"x", b"inter"]), max_size=30)
    )
    def test_they_are_those_that_a_search_finds(self, pieces):
        data = b"".join(pieces)
        found = list(find_places(data, self.SENTENCES))
        for number, sentence in enumerate(self.SENTENCES):
            places = [place for piece in found for place in piece[number].tolist()]
            assert places == [at for at in range(len(data)) if data.startswith(sentence, at)]

    @given(
        st.lists(st.sampled_from([RUNNING, RUNNING[:-1], RUNNING[1:], b"x", b" --", b"--->"]), max_size=30)
    )
    def test_a_shorter_sentence_is_found_in_shorter_strides(self, pieces):
        data = b"".join(pieces)
        places = [place for (found,) in find_places(data, (RUNNING,)) for place in found.tolist()]
        assert places == [at for at in range(len(data)) if data.startswith(RUNNING, at)]

    def test_a_sentence_of_a_few_bytes_is_refused(self):
        with pytest.raises(ValueError, match="too short"):
            list(find_places(b"", (b"Step 1/1 :",)))

    def test_sentences_that_cannot_be_told_apart_are_refused(self):
        with pytest.raises(ValueError, match="together"):
            list(find_places(b"", (REMOVAL, REMOVAL)))


class TestLines:
    """Reading eight bytes at a time."""

    @given(st.lists(st.integers(0, 16**12 - 1), min_size=1, max_size=20))
    def test_ids_are_the_same_number_only_if_they_are_the_same(self, ids):
        texts = [b"%012x" % number for number in ids]
        numbers = hex_number(
            np.array([word(text[:8]) for text in texts]), np.array([word(text[4:]) for text in texts])
        )
        assert len(set(numbers.tolist())) == len(set(ids))

    @given(st.binary(min_size=1, max_size=60), st.integers(0, 20))
    def test_words_are_the_bytes_at_an_offset(self, data, start):
        data += b"\n"
        lines = Lines(bytes(start) + data, start, start + len(data))
        at = np.arange(start - lines.base, start - lines.base + len(data))
        padded = data + bytes(8)
        assert lines.word(at).tolist() == [int(word(padded[i : i + 8])) for i in range(len(data))]
        assert len(lines.starts) == data.count(b"\n") + 1

    @pytest.mark.parametrize(
        "text", [b"0", b"7/", b"12 : ", b"1234567/", b"12345678", b"", b"/", b"1a", b"\xb1"]
    )
    def test_numbers_have_up_to_seven_digits(self, text):
        lines = Lines(text + b"\n", 0, len(text) + 1)
        [number], [end] = read_number(lines, np.zeros(1, np.int64))
        digits = text[: len(text) - len(text.lstrip(b"0123456789"))]
        if 0 < len(digits) < 8:
            assert (number, end) == (int(digits), len(digits))
        else:
            assert number == -1

    @pytest.mark.parametrize("byte", range(256))
    def test_hexadecimal_digits_are_lower_case(self, byte):
        expected = byte in b"0123456789abcdef"
        words = np.array([word(b"0123456" + bytes([byte])), word(bytes([byte]) + b"abcdef0")])
        assert is_hex(words).tolist() == [expected, expected]
        assert is_hex(words, 7).tolist() == [True, expected]
