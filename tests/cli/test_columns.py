"""Rows of one line: which column gives way, and how instructions are shortened."""

from __future__ import annotations

import pytest

from logparse.cli.columns import Columns, short_names


class TestShortNames:
    @pytest.mark.parametrize(
        ("name", "room", "short"),
        [
            ("RUN make", 20, "RUN make"),
            ("RUN  make\n  all", 20, "RUN make all"),
            ("COPY --chown=algo:algo source /home/algo/algorithm", 30, "COPY source …/algorithm"),
            ("COPY --from=builder /opt/app /opt/app", 30, "COPY --from=builder …/app …/app"[:29] + "…"),
            ("RUN /usr/local/bin/customize.sh algo", 24, "RUN …/customize.sh algo"),
            ("FROM hub.example/team/base:0123456789abcdef AS build", 30, "FROM …/base AS build"),
            ("FROM hub.example/team/base:1.2 AS build", 30, "FROM …/base:1.2 AS build"),
            ("RUN echo a very long line that goes on", 20, "RUN echo a very lon…"),
        ],
    )
    def test_what_tells_most_is_kept(self, name, room, short):
        assert short_names([name], room) == [short]

    def test_two_that_would_look_alike_show_their_ends(self):
        names = ["RUN step package --release 17", "RUN step package --release 21"]
        assert short_names(names, 19) == ["RUN step …elease 17", "RUN step …elease 21"]

    def test_two_that_differ_in_what_was_left_out_show_it(self):
        names = [f"FROM hub.example/team/base:{digit * 16}" for digit in "ab"]
        assert short_names(names, 21) == ["FROM hub.e…aaaaaaaaaa", "FROM hub.e…bbbbbbbbbb"]

    def test_equal_ones_stay_equal(self):
        assert short_names(["RUN step package"] * 2, 10) == ["RUN step …"] * 2

    def test_secrets_are_masked_before_anything_is_cut(self):
        token = "ghp_" + "a1B2" * 9
        [short] = short_names([f"RUN curl -H 'Authorization: token {token}' https://example.com"], 50)
        assert "a1B2" not in short


class TestColumns:
    @pytest.fixture(autouse=True)
    def _narrow(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "40")

    def printed(self, capsys, table):
        table.print()
        return capsys.readouterr().out.splitlines()

    def test_numbers_keep_their_room_and_empty_columns_have_none(self, capsys):
        table = Columns("Step", "Odd", "Runs", "Seconds", right={"Runs", "Seconds"})
        table.add("RUN something that is too long for it", "", "7", "12.5")
        table.add("RUN b", "", "10", "3.0")
        assert self.printed(capsys, table) == [
            "Step                        Runs Seconds",
            "─" * 40,
            "RUN something that is too …    7    12.5",
            "RUN b                         10     3.0",
        ]

    def test_words_stand_in_the_place_of_missing_cells(self, capsys):
        table = Columns("Step", "Runs", "Seconds", right={"Runs", "Seconds"})
        table.add("RUN a", "7", words="nothing is known")
        table.add("RUN b", "7", "3.0")
        assert self.printed(capsys, table)[2:] == [
            "RUN a    7 nothing is known",
            "RUN b    7     3.0",
        ]

    def test_words_are_not_cut_while_the_name_can_give_way(self, capsys):
        table = Columns("Step", "Runs", "Seconds", right={"Runs", "Seconds"})
        table.add("RUN something long", "7", words="nothing is known of it")
        assert self.printed(capsys, table)[2] == "RUN somethi…    7 nothing is known of it"
