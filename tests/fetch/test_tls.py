from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from logparse.errors import TLSError
from logparse.fetch import Client
from tests.fetch.support import ALGORITHM


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"build_id": "x"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Stay silent."""


class _Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, *_args: object) -> None:
        """A client that refuses the certificate is what the test is about."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority that no system trusts."""
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The authority's certificate, for those who want to trust it."""
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def address(authority: trustme.CA) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with _Quiet(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://localhost:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class TestTLS:
    def test_unknown_certificate_is_refused_at_once(self, address: str) -> None:
        with Client(address) as client, pytest.raises(TLSError, match="REQUESTS_CA_BUNDLE") as caught:
            client.build(ALGORITHM, "x")
        assert "unable to get local issuer certificate" in str(caught.value)

    def test_ca_bundle_is_trusted(self, address: str, certificate: Path) -> None:
        with Client(address, ca_bundle=certificate) as client:
            assert client.build(ALGORITHM, "x").build_id == "x"

    def test_ca_bundle_of_the_environment_is_trusted(
        self, address: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        with Client(address) as client:
            assert client.build(ALGORITHM, "x").build_id == "x"

    def test_explicit_bundle_wins_over_the_environment(
        self, address: str, certificate: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        other = tmp_path / "other.pem"
        other.touch()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
        with Client(address, ca_bundle=certificate) as client:
            assert client.build(ALGORITHM, "x").build_id == "x"

    def test_another_host_name_is_refused(self, address: str, certificate: Path) -> None:
        with (
            Client(address.replace("localhost", "127.0.0.1"), ca_bundle=certificate) as client,
            pytest.raises(TLSError),
        ):
            client.build(ALGORITHM, "x")
