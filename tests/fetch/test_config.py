from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from logparse.errors import ConfigError
from logparse.fetch.config import DEFAULT_ADDRESS, Origin, Settings, Token, find_settings

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
CONFIG = """
[profiles.default]
api_key = "simDefault"
api_server = ""
ca_cert = ""
bearer_token = ""

[profiles.work]
api_key = "simWork"
api_server = "https://api.work.example"
bearer_token = "opaque-bearer"

[profiles.jwt]
api_key = ""
bearer_token = "opaque-bearer"
api_server = "https://api.jwt.example"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config"
    file.write_text(CONFIG)
    return file


def settle(config: Path | None = None, environ: dict[str, str] | None = None, **given: str) -> Settings:
    return find_settings(**given, environ=environ or {}, config_file=config or Path("/nonexistent/config"))


class TestToken:
    @pytest.mark.parametrize(
        ("value", "header"),
        [
            ("simAbC/123+x=", "Simple simAbC/123+x="),
            (JWT, f"Bearer {JWT}"),
            (f"Simple {JWT}", f"Simple {JWT}"),
            ("Bearer opaque", "Bearer opaque"),
            ("simple simKey", "simple simKey"),
        ],
    )
    def test_scheme_fits_the_credential_and_a_given_one_stays(self, value: str, header: str) -> None:
        assert Token(value).header == header

    def test_never_shows_itself(self) -> None:
        token = Token("simSecret")
        assert "simSecret" not in f"{token!r} {token} {Settings(address='http://x', token=token)!r}"

    def test_is_not_pickled(self) -> None:
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(Token("simSecret"))

    @pytest.mark.parametrize("value", ["", "simA\n", "sim\r\nX-Evil: 1", "sim A", "simé", "\x00", "sim\x7f"])
    def test_refuses_what_no_header_can_carry(self, value: str) -> None:
        with pytest.raises(ConfigError) as caught:
            Token(value, origin="ALGORITHMIA_API_KEY")
        assert "ALGORITHMIA_API_KEY" in str(caught.value)
        assert "Evil" not in str(caught.value)

    def test_scrubs_itself_from_text(self) -> None:
        assert Token("Bearer opaque").scrub("who is opaque?") == "who is ***?"


class TestAddress:
    @pytest.mark.parametrize(
        ("given", "clean"),
        [
            ("https://api.x.example/", "https://api.x.example"),
            ("https://api.x.example/v1/", "https://api.x.example"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("https://x.example/gateway", "https://x.example/gateway"),
        ],
    )
    def test_is_brought_to_one_spelling(self, given: str, clean: str) -> None:
        assert settle(address=given, token="simA").address == clean

    @pytest.mark.parametrize(
        "address",
        [
            "api.x.example",
            "ftp://x",
            "https://",
            "http://x:99999",
            "http://a:b@x",
            "http://x?y=1",
            "http://x/ y",
        ],
    )
    def test_refuses_what_is_none(self, address: str) -> None:
        with pytest.raises(ConfigError, match="ALGORITHMIA_API"):
            settle(environ={"ALGORITHMIA_API": address}, token="simA")

    def test_origins_compare_by_scheme_host_and_port(self) -> None:
        assert Origin.of("https://X.example/a") == Origin.of("https://x.example:443/b")
        assert Origin.of("https://x.example") != Origin.of("http://x.example")
        assert Origin.of("http://x.example") != Origin.of("http://x.example:8080")
        assert str(Origin.of("http://[::1]:80/")) == "http://[::1]"


class TestPrecedence:
    def test_explicit_wins_over_environment_and_profile(self, config: Path) -> None:
        environ = {"ALGORITHMIA_API": "https://env.example", "ALGORITHMIA_API_KEY": "simEnv"}
        found = settle(config, environ, address="https://arg.example", token="simArg")
        assert found == Settings(address="https://arg.example", token=Token("simArg"))

    def test_environment_wins_over_the_default_profile(self, config: Path) -> None:
        found = settle(config, {"ALGORITHMIA_API_KEY": "simEnv"})
        assert found == Settings(address=DEFAULT_ADDRESS, token=Token("simEnv"))

    def test_a_profile_that_is_named_wins_over_the_environment(self, config: Path) -> None:
        found = settle(
            config,
            {"ALGORITHMIA_API_KEY": "simEnv", "ALGORITHMIA_API": "https://env.example"},
            profile="work",
        )
        assert found == Settings(address="https://api.work.example", token=Token("simWork"))

    def test_a_broken_file_does_not_matter_if_nothing_in_it_is_needed(self, tmp_path: Path) -> None:
        broken = tmp_path / "config"
        broken.write_text("[not toml")
        environ = {"ALGORITHMIA_API_KEY": "simEnv", "ALGORITHMIA_API": "https://env.example"}
        assert settle(broken, environ) == Settings(address="https://env.example", token=Token("simEnv"))
        with pytest.raises(ConfigError):
            settle(broken, {"ALGORITHMIA_API_KEY": "simEnv"})

    def test_profile_fills_in_the_rest(self, config: Path) -> None:
        assert settle(config) == Settings(address=DEFAULT_ADDRESS, token=Token("simDefault"))

    def test_empty_strings_are_unset(self, config: Path) -> None:
        found = settle(config, {"ALGORITHMIA_API_KEY": "", "ALGORITHMIA_API": ""}, address="", token="")
        assert found == Settings(address=DEFAULT_ADDRESS, token=Token("simDefault"))

    def test_key_wins_over_bearer_in_the_same_place(self, config: Path) -> None:
        environ = {"ALGORITHMIA_API_KEY": "simEnv", "ALGORITHMIA_BEARER_TOKEN": JWT}
        assert settle(None, environ).token == Token("simEnv")
        assert settle(config, profile="work").token == Token("simWork")

    def test_bearer_of_the_environment_wins_over_key_of_the_profile(self, config: Path) -> None:
        assert settle(config, {"ALGORITHMIA_BEARER_TOKEN": "opaque"}).token == Token("Bearer opaque")

    def test_bearer_of_a_profile_is_one_even_if_opaque(self, config: Path) -> None:
        assert settle(config, profile="jwt").token == Token("Bearer opaque-bearer")

    def test_ca_bundle_from_argument_environment_profile(self, tmp_path: Path) -> None:
        paths = {name: tmp_path / name for name in ("arg", "env", "profile")}
        for path in paths.values():
            path.touch()
        file = tmp_path / "config"
        file.write_text(f'[profiles.default]\napi_key = "simA"\nca_cert = "{paths["profile"]}"\n')
        environ = {"REQUESTS_CA_BUNDLE": str(paths["env"])}
        assert settle(file).ca_bundle == str(paths["profile"])
        assert settle(file, environ).ca_bundle == str(paths["env"])
        assert settle(file, environ, ca_bundle=str(paths["arg"])).ca_bundle == str(paths["arg"])


class TestRefusals:
    def test_no_credential_is_an_error_that_names_the_remedy(self) -> None:
        with pytest.raises(ConfigError, match="set ALGORITHMIA_API_KEY"):
            settle(address="https://api.x.example")

    def test_a_server_on_this_machine_may_need_none(self) -> None:
        assert settle(address="http://127.0.0.1:8000").token is None

    def test_profile_credential_does_not_go_to_another_cluster(self, config: Path) -> None:
        with pytest.raises(ConfigError, match=r"belongs to https://api\.work\.example"):
            settle(config, profile="work", address="https://evil.example")

    def test_named_profile_must_exist(self, config: Path, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="default, jwt, work"):
            settle(config, profile="wrok", token="simA")
        with pytest.raises(ConfigError, match="does not exist"):
            settle(tmp_path / "none", profile="work", token="simA")

    @pytest.mark.parametrize(
        "text",
        [
            "[profiles.default]\napi_key = simSecret",
            "[profiles]\ndefault = 1",
            "[profiles.default]\napi_key = 5",
        ],
    )
    def test_broken_file_is_named_and_not_quoted(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "config"
        file.write_text(text)
        with pytest.raises(ConfigError) as caught:
            settle(file)
        assert str(file) in str(caught.value)
        assert "simSecret" not in str(caught.value)

    def test_missing_ca_bundle_names_who_set_it(self) -> None:
        with pytest.raises(ConfigError, match=r"/none\.pem.*REQUESTS_CA_BUNDLE"):
            settle(environ={"REQUESTS_CA_BUNDLE": "/none.pem"}, token="simA")
