"""Secrets in logs are masked in all that is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logparse.secrets import mask, mask_parts, mask_span

KEY = "sim" + "Ab3/" * 6 + "Z"


class TestMask:
    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            (
                "pip install --extra-index-url https://me:hunter2@pip.example/simple",
                "https://***@pip.example",
            ),
            ("git clone https://0123456789abcdef0123456789@git.example/x", "https://***@git.example"),
            ("ENV API_TOKEN=hunter2hunter2", "API_TOKEN=***"),
            ("export PASSWORD='hunter2'", "PASSWORD='***'"),
            ('{"password": "hunter2"}', '"password": "***"'),
            ("curl -H 'Authorization: Bearer hunter2.x.y'", "Authorization: Bearer ***"),
            ("mysql --password=hunter2 -u x", "--password=*** -u x"),
            ("//npm.example/:_authToken=hunter2", "_authToken=***"),
            ("key is " + "ghp_" + "a1" * 18, "key is ***"),
            ("AWS id AKIA" + "ABCDEFGHIJKLMNOP", "AWS id ***"),
            (f"Simple {KEY} sent", "Simple *** sent"),
            ("ENV DB_PASSWORD hunter2secret", "ENV DB_PASSWORD ***"),
            ("curl -u admin:hunter2 https://x.example", "-u ***"),
            ("export MYSQL_PWD=hunter2", "MYSQL_PWD=***"),
            ("AWS_SECRET_ACCESS_KEY = hunter2", "AWS_SECRET_ACCESS_KEY = ***"),
            ("got Bearer hunter2abc", "Bearer ***"),
            ("PASSWORD=$ecret1-hunter2", "PASSWORD=***"),
            ("PASSWORD=*hunter2!", "PASSWORD=***"),
            ('PASSWORD="my hunter2 phrase 12"', 'PASSWORD="***"'),
            ("PASSWORD=abcd,hunter2;more", "PASSWORD=***"),
            ("https://user:p@hunter2@host.example/x", "https://***@host.example/x"),
            ("-----BEGIN RSA PRIVATE KEY-----MIIhunter2", "***"),
        ],
    )
    def test_secrets_are_replaced(self, text, masked):
        assert masked in mask(text)
        assert "hunter2" not in mask(text)

    @pytest.mark.parametrize(
        "text",
        [
            "Step 3/9 : ENV TOKEN=$TOKEN",
            "RUN echo ${API_KEY}",
            "TOKEN=${TOKEN:-none}",
            "PASSWORD=<your password>",
            "PASSWORD=%PASSWORD%",
            "docker run -u 1000 image",
            "bearer of bad news",
            "ERROR: No matching distribution found for tokenizers==9",
            "secret: not found",
            "npm ERR! token: expired, log in again",
            "https://pip.example/simple/tokens",
            "user@host.example",
            "Simple build",
            "similarly simulated",
            "npm ERR! missing script: build",
        ],
    )
    def test_other_text_stays_as_it_is(self, text):
        assert mask(text) == text

    @given(st.text(max_size=200))
    def test_masking_twice_is_masking_once(self, text):
        assert mask(mask(text)) == mask(text)


class TestMaskParts:
    """A piece of a secret no longer looks like one."""

    LINE = "Looking in https://me:hunter2@pip.example/simple for x"

    def test_a_piece_that_holds_part_of_a_secret_is_hidden(self):
        assert mask_parts({"version": "hunter2@pip.example"}, self.LINE) == {"version": "***"}

    def test_other_pieces_stay(self):
        assert mask_parts({"host": "pip.example", "package": "x"}, self.LINE) == {
            "host": "pip.example",
            "package": "x",
        }

    def test_without_secrets_nothing_changes(self):
        assert mask_parts({"package": "x"}, "no such package: x") == {"package": "x"}


class TestMaskSpan:
    def test_a_text_without_secrets_stays_as_it_is(self):
        assert mask_span("a && make", 5, 9) == ("a && make", 5, 9)

    @pytest.mark.parametrize(
        ("text", "stretch", "masked"),
        [
            ("TOKEN=hunter2hunter2 && make", "make", "make"),
            ("make && TOKEN=hunter2hunter2", "make", "make"),
            ("make; TOKEN=hunter2hunter2; make; ls", "make; ls", "make; ls"),
            ("a && curl --token hunter2hunter2 b", "curl --token hunter2hunter2 b", "curl --token *** b"),
        ],
    )
    def test_a_stretch_is_found_again(self, text, stretch, masked):
        start = text.rindex(stretch)
        found = mask_span(text, start, start + len(stretch))
        assert found is not None
        whole, begin, end = found
        assert whole == mask(text)
        assert whole[begin:end] == masked

    def test_of_equal_ones_the_one_that_was_meant(self):
        assert mask_span("make && TOKEN=hunter2hunter2 && make", 32, 36) == (
            "make && TOKEN=*** && make",
            21,
            25,
        )

    def test_a_part_of_a_secret_is_not_there_any_more(self):
        assert mask_span('PASSWORD="a && ./b hunter2"', 15, 26) is None
