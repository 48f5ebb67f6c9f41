"""A raw archive in an object store: S3's protocol, spoken over HTTP with a server on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from logparse import Archive, Client, embedded_cluster, fetch_logs, read_builds
from logparse.server import LocalCluster

TOKEN = "simTestKeyOfTheLocalCluster1"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def store(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> fs.S3FileSystem:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{endpoint}")
    store = fs.S3FileSystem(
        access_key="testing",
        secret_key="testing",
        endpoint_override=endpoint,
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=True,
        allow_bucket_deletion=True,
    )
    store.create_dir("builds")
    return store


def test_logs_go_to_the_store_and_come_back(store):
    archive = Archive("builds/archive", filesystem=store)
    with LocalCluster(embedded_cluster(), token=TOKEN) as cluster, Client(cluster.address, TOKEN) as client:
        first = fetch_logs(client, "logistics/routing", archive)
        again = fetch_logs(client, "logistics/routing", archive)
        routing = cluster.cluster.algorithm("logistics", "routing")
        assert routing is not None
        kept = {build.build_id: routing.read_log(build.build_id) for build in routing.builds}
    assert (first.new, again.new) == (len(kept), 0)
    assert {log.build_id: log.data for log in archive.logs()} == kept


@pytest.mark.usefixtures("store")
def test_a_path_alone_leads_there(endpoint):
    url = f"s3://builds/other?endpoint_override={endpoint}&scheme=http&region=us-east-1"
    with LocalCluster(embedded_cluster(), token=TOKEN) as cluster, Client(cluster.address, TOKEN) as client:
        report = fetch_logs(client, "stats/forecast", Archive(url))
    assert len(list(read_builds(url))) == report.new
