"""An instruction in a few rows, its failing command marked."""

from __future__ import annotations

import textwrap

import pytest

from logparse.cli.marked import marked_lines, marked_text
from logparse.dockerfile import Found, Place, read_dockerfile


def shown(text: str, command: str, width: int) -> str:
    start = text.index(command)
    return "\n" + marked_text(text, start, start + len(command), width).plain


class TestAnInstructionOfALog:
    def test_the_command_is_underlined(self):
        assert shown("RUN a && pip install x && b", "pip install x", 40) == textwrap.dedent("""
            RUN a && pip install x && b
                     ^^^^^^^^^^^^^""")

    def test_wide_gaps_close_where_it_has_room(self):
        assert shown("RUN a &&     pip install x", "pip install x", 40) == textwrap.dedent("""
            RUN a && pip install x
                     ^^^^^^^^^^^^^""")

    def test_a_long_one_breaks_where_its_dockerfile_has_a_new_line(self):
        text = "RUN apt-get update &&     pip install x y &&     make all"
        assert shown(text, "pip install x y", 30) == textwrap.dedent("""
            RUN apt-get update &&
                pip install x y &&
                ^^^^^^^^^^^^^^^
                make all""")

    def test_a_command_with_room_in_one_row_is_not_broken(self):
        assert shown("RUN one two three; pip install xyz", "pip install xyz", 24) == textwrap.dedent("""
            RUN one two three;
                pip install xyz
                ^^^^^^^^^^^^^^^""")

    def test_what_is_far_from_the_command_is_left_out(self):
        text = "RUN aaaa bbbb &&  cccc &&  dddd &&  eeee ffff &&  make &&  gggg &&  hhhh iiii &&  jjjj"
        assert shown(text, "make", 20) == textwrap.dedent("""
            RUN aaaa bbbb &&
            ...
                eeee ffff &&
                make &&
                ^^^^
                gggg &&
            ...""")

    def test_of_a_long_command_the_ends_are_shown_behind_a_sign(self):
        words = " ".join(f"package-{number}" for number in range(8))
        assert shown(f"RUN a; install {words}; b", f"install {words}", 22) == (
            "\n> RUN a; install\n         ^^^^^^^\n>     package-0\n  ...\n>     package-7; b\n      ^^^^^^^^^"
        )

    def test_a_word_that_is_too_long_is_cut(self):
        assert shown(f"RUN a; {'b' * 30}", "b" * 30, 20) == (
            f"\n  RUN a;\n> {' ' * 4}{'b' * 14}\n> {' ' * 4}{'b' * 14}\n> {' ' * 4}bb"
        )

    def test_letters_that_take_two_columns(self):
        assert shown("RUN echo 日本 && make 日", "make 日", 40) == textwrap.dedent("""
            RUN echo 日本 && make 日
                             ^^^^^^^""")

    def test_without_a_place_nothing_is_marked(self):
        assert marked_text("RUN a && b", None, None, 40).plain == "RUN a && b"

    def test_nothing_unprintable_is_left(self):
        assert (
            shown("RUN a\x1b[2J && \u202emake", "\u202emake", 40)
            == "\nRUN a�[2J && �make\n             ^^^^^"
        )

    @pytest.mark.parametrize("width", range(1, 60))
    def test_any_width_will_do(self, width):
        text = (
            "RUN set -e; apt-get install -y --no-install-recommends one two && /usr/local/bin/long-name x | y"
        )
        drawn = marked_text(text, 45, 70, width).plain
        assert "^" in drawn
        assert max(map(len, drawn.split("\n"))) <= max(width, 18)


FILE = read_dockerfile(
    "FROM a\n"
    "RUN set -e && \\\n"
    "    # the packages\n"
    "    apt-get install -y \\\n"
    "\tcurl \\\n"
    "    # and this one\n"
    "      git && \\\n"
    "    make\n",
    "Dockerfile",
)
RUN = Place("Dockerfile", 2, 1, 8, 9)


class TestLinesOfADockerfile:
    def test_the_command_in_its_line(self):
        drawn = marked_lines(FILE, Found(RUN, Place("Dockerfile", 8, 5, 8, 9), FILE), 40).plain
        assert drawn == "2   RUN set -e && \\\n    ...\n7         git && \\\n8 >     make\n        ^^^^"

    def test_of_a_command_on_several_lines_the_comments_are_not_marked(self):
        drawn = marked_lines(FILE, Found(RUN, Place("Dockerfile", 4, 5, 7, 10), FILE), 40).plain
        assert drawn.split("\n") == [
            "2   RUN set -e && \\",
            "3       # the packages",
            "4 >     apt-get install -y \\",
            "5 >     curl \\",
            "6       # and this one",
            "7 >       git && \\",
            "          ^^^",
            "8       make",
        ]

    def test_without_a_command_its_first_lines(self):
        drawn = marked_lines(FILE, Found(RUN, None, FILE), 40).plain
        assert drawn == "2   RUN set -e && \\\n3       # the packages\n4       apt-get install -y \\\n    ..."

    def test_secrets_are_masked_and_the_mark_stays_below_the_command(self):
        file = read_dockerfile("FROM a\nRUN curl -u me:hunter2hunter2 x && make\n", "Dockerfile")
        found = Found(Place("Dockerfile", 2, 1, 2, 41), Place("Dockerfile", 2, 36, 2, 40), file)
        assert (
            marked_lines(file, found, 40).plain
            == "2 > RUN curl -u *** x && make\n                         ^^^^"
        )

    def test_a_key_of_several_lines_is_masked(self):
        file = read_dockerfile(
            "FROM a\nRUN <<EOF\necho -----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----\nEOF\n"
        )
        drawn = marked_lines(file, Found(Place(None, 2, 1, 6, 4), Place(None, 4, 1, 4, 7), file), 40).plain
        assert "MIIabc" not in drawn
        assert "4 > ***" in drawn
