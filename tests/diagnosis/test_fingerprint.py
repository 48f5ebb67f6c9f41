"""Fingerprints: the same for what failed alike, another for what did not."""

from __future__ import annotations

import pytest

from logparse.diagnosis import diagnose, fingerprint
from logparse.diagnosis.fingerprint import masked
from logparse.parser import parse

ALIKE = [
    (
        "COPY failed: stat /var/lib/docker/tmp/docker-builder123456789/a.txt: no such file",
        "COPY failed: stat /var/lib/docker/tmp/docker-builder987654321/a.txt: no such file",
    ),
    ("2020-06-16 18:15:53 ERROR 404: Not Found.", "2024-01-02 03:04:05 ERROR 404: Not Found."),
    ("at 0x7fadf50c5c40: refused", "at 0x7fadf50a2970: refused"),
    ("dial tcp 192.0.2.10:443: refused", "dial tcp 192.0.2.77:8443: refused"),
    (
        'Command "python setup.py" failed with error code 1 in /tmp/pip-build-x8a/lxml/',
        'Command "python setup.py" failed with error code 1 in /tmp/pip-build-q2z/lxml/',
    ),
    ("src/a.c:12:5: error: 'x' undeclared", "src/a.c:90:17: error: 'x' undeclared"),
    ("/usr/lib/python3.7/site.py: no module", "/usr/lib/python3.11/site.py: no module"),
    ("E: Failed to fetch http://deb.example/curl_7.35.0-1_amd64.deb", "E: Failed to fetch http://deb.example/curl_7.36.1-2_amd64.deb"),
    ("layer sha256:0123456789abcdef0123 missing", "layer sha256:fedcba9876543210fedc missing"),
    ("fatal: reference is not a tree: 0a1b2c3d4e5f6071", "fatal: reference is not a tree: ffee0011aabbccdd"),
    ("1a2b3c4d-0000-4000-8000-1a2b3c4d5e6f gone", "00000000-1111-4222-8333-444455556666 gone"),
    ("failed after 12.5s", "failed after 3.25s"),
    (
        "ref f6cb1188-02d2-4345-869d-0f66b5ef432a::79kw1r9ckty8takuoef6zp33j: gone",
        "ref 59y6xpfqb2vttuhv0ug8dz7gq::jxehcirdut0e54evxradjckem: gone",
    ),
    ("lstat /var/lib/docker/tmp/buildkit-mount123456/a", "lstat /var/lib/docker/tmp/buildkit-mount98765/a"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_variable_parts_do_not_count(one: str, other: str) -> None:
    assert masked(one) == masked(other)
    assert fingerprint("x.y", one) == fingerprint("x.y", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("E: Unable to locate package numpy", "E: Unable to locate package scipy"),
        ("No matching distribution found for numpy==1.9", "No matching distribution found for numpy==2.0"),
        ("ERROR 404: Not Found.", "ERROR 503: Service Unavailable."),
        ("error TS2305: x", "error TS7017: x"),
    ],
)
def test_what_is_wrong_counts(one: str, other: str) -> None:
    assert fingerprint("x.y", one) != fingerprint("x.y", other)


def test_the_cause_counts() -> None:
    assert fingerprint("a.b", "line") != fingerprint("a.c", "line")


def test_it_is_versioned_and_short() -> None:
    assert fingerprint("apt.locate", "E: Unable to locate package x").startswith("v1:")
    assert len(fingerprint("apt.locate", "x" * 1_000_000)) == len("v1:") + 16


def test_it_is_the_same_for_the_same_failure_of_two_builds() -> None:
    template = (
        "Step 1/2 : FROM alpine\n ---> {a}\nStep 2/2 : RUN pip install x\n ---> Running in {b}\n"
        "ERROR: Command failed in /tmp/pip-install-{c}/x\n"
        "The command '/bin/sh -c pip install x' returned a non-zero code: 1\n"
    )
    logs = [
        template.format(a="0123456789ab", b="ba9876543210", c="abcd_xyz"),
        template.format(a="00aa11bb22cc", b="33dd44ee55ff", c="q1w2e3r4"),
    ]
    prints = {diagnose(parse(log)[0]).fingerprint for log in logs}
    assert len(prints) == 1


def test_secrets_are_no_part_of_it() -> None:
    line = "fatal: unable to access 'https://user:{}@git.example/x.git/': refused"
    one, other = (line.format(secret) for secret in ("correct-horse", "battery-staple"))
    assert masked(one) == masked(other)
    assert "horse" not in masked(one)
    token = "password=" + "q7" * 60
    assert "q7" not in masked("x" * 2000 + " " + token)
