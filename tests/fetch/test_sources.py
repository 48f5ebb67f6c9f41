from __future__ import annotations

import bz2
import codecs
import gzip
import io
import logging
import lzma
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from logparse.errors import ArchiveError, SourceError
from logparse.fetch import Archive, Client, Limits, RecordedCluster, Skip, fetch, read_logs
from tests.fetch.support import ALGORITHM

LOG = "Step 1/2 : FROM alpine ✓\n".encode()


def zstd(plain: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(plain)
    data: bytes = sink.getvalue().to_pybytes()
    return data


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd,
}


def tar(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


def header(kind: bytes, body: bytes) -> bytes:
    """Return a record of a tar that says something of the next member, and its body."""
    info = tarfile.TarInfo("././@LongLink")
    info.type = kind
    info.size = len(body)
    return info.tobuf(tarfile.GNU_FORMAT) + body + bytes(-len(body) % 512)


def zipped(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def read(path: Path | str, **given: object) -> list[tuple[str | None, bytes]]:
    return [(log.path, log.data) for log in read_logs(path, **given)]  # type: ignore[arg-type]


def skips(path: Path | str) -> dict[str, str]:
    told: list[Skip] = []
    for _ in read_logs(path, on_skip=told.append):
        pass
    return {one.path: one.kind for one in told}


class TestFile:
    def test_any_name_is_a_log_when_named(self, tmp_path: Path) -> None:
        file = tmp_path / "build.json"
        file.write_bytes(b"\0" + LOG)
        assert read(file) == read(str(file)) == [(str(file), b"\0" + LOG)]

    def test_name_with_pattern_characters_is_a_file_first(self, tmp_path: Path) -> None:
        file = tmp_path / "build[1].log"
        file.write_bytes(LOG)
        assert read(file) == [(str(file), LOG)]

    @pytest.mark.parametrize("codec", COMPRESS)
    def test_compressed(self, tmp_path: Path, codec: str) -> None:
        file = tmp_path / f"build.log.{codec}"
        # Two streams end to end are one file, as `cat` and parallel compressors make them.
        file.write_bytes(COMPRESS[codec](LOG) + COMPRESS[codec](LOG))
        assert read(file) == [(str(file), LOG * 2)]

    def test_missing_path_and_table(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="does not exist: check the path"):
            read(tmp_path / "none.log")
        (tmp_path / "x.parquet").touch()
        with pytest.raises(SourceError, match="is a table"):
            read(tmp_path / "x.parquet")

    def test_permission_error_is_told_with_its_remedy(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(*_args: object) -> bytes:
            raise PermissionError(13, "Permission denied")

        (tmp_path / "build.log").touch()
        monkeypatch.setattr(Path, "read_bytes", refused)
        with pytest.raises(SourceError, match=r"build\.log may not be read .* permissions"):
            read(tmp_path / "build.log")

    def test_standard_input(self) -> None:
        script = "from logparse.fetch import read_logs; print([(x.path, x.data) for x in read_logs('-')])"
        done = subprocess.run(
            [sys.executable, "-c", script],
            input=LOG,
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[2],
        )
        assert done.stdout.decode().strip() == repr([("-", LOG)])

    def test_named_pipe(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        with subprocess.Popen([sys.executable, "-c", f"open({str(pipe)!r}, 'wb').write(b'piped')"]):
            assert read(pipe) == [(str(pipe), b"piped")]


class TestFolder:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        files = {
            "b.log": LOG,
            "a.TXT": LOG,
            "c.out": LOG,
            "d.log.1": LOG,
            "sub/plain": LOG,
            "sub/utf16": "text".encode("utf-16"),
            "sub/e.log.gz": gzip.compress(LOG),
            "sub/f.zip": zipped({"g.log": LOG, "h.json": b"{}"}),
            "binary": b"\x7fELF\0\0",
            "meta.json": b"{}",
            "table.parquet": b"PAR1",
            ".hidden/x.log": LOG,
            ".y.log": LOG,
        }
        for name, data in files.items():
            file = tmp_path / "logs" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return tmp_path / "logs"

    def test_logs_come_in_the_order_of_their_paths(self, folder: Path) -> None:
        names = [os.path.relpath(str(path), folder) for path, _ in read(folder)]
        assert names == [
            "a.TXT",
            "b.log",
            "c.out",
            "d.log.1",
            "sub/e.log.gz",
            "sub/f.zip!g.log",
            "sub/plain",
            "sub/utf16",
        ]

    def test_everything_else_is_told(self, folder: Path) -> None:
        told = {os.path.relpath(path, folder): kind for path, kind in skips(folder).items()}
        assert told == dict.fromkeys(
            ["binary", "meta.json", "table.parquet", ".hidden", ".y.log", "sub/f.zip!h.json"], "other"
        )

    def test_without_a_listener_their_number_is_logged(
        self, folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            read(folder)
        assert "6 files in" in caplog.text

    def test_what_is_no_regular_file_is_not_opened(self, folder: Path) -> None:
        os.mkfifo(folder / "pipe.log")
        (folder / "dangling.log").symlink_to("nowhere")
        (folder / "loop").symlink_to(folder)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / "s.log"))
            told = {Path(path).name: kind for path, kind in skips(folder).items()}
        assert {name: told[name] for name in ("pipe.log", "s.log", "dangling.log")} == {
            "pipe.log": "other",
            "s.log": "other",
            "dangling.log": "damaged",
        }

    def test_nothing_there_is_an_error_that_counts(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"no log in .*\.log, \.txt, \.out or \.jsonl"):
            read(tmp_path)
        (tmp_path / "x.json").touch()
        with pytest.raises(SourceError, match="1 other file"):
            read(tmp_path)

    def test_damage_is_raised_unless_somebody_listens(self, folder: Path) -> None:
        (folder / "bad.log.gz").write_bytes(gzip.compress(LOG)[:-4])
        with pytest.raises(SourceError, match=r"bad\.log\.gz is damaged"):
            read(folder)
        told = skips(folder)
        assert told[str(folder / "bad.log.gz")] == "damaged"
        assert len(read(folder, on_skip=lambda _skip: None)) == 8

    def test_damage_is_named_when_nothing_else_is_there(self, tmp_path: Path) -> None:
        (tmp_path / "bad.log.gz").write_bytes(gzip.compress(LOG)[:-4])
        (tmp_path / "x.json").touch()
        with pytest.raises(SourceError, match=r"No log in .* can be read: .*bad\.log\.gz is damaged"):
            skips(tmp_path)
        (tmp_path / "worse.log.gz").write_bytes(b"noise")
        with pytest.raises(
            SourceError, match=r"can be read \(1 more is damaged\): .*bad\.log\.gz is damaged"
        ):
            skips(tmp_path)
        (tmp_path / "good.log").write_bytes(LOG)
        assert len(skips(tmp_path)) == 3

    def test_is_read_lazily(self, folder: Path) -> None:
        logs = read_logs(folder)
        next(logs)
        (folder / "b.log").write_bytes(b"changed")
        assert next(logs).data == b"changed"


class TestPattern:
    def test_matches_are_meant_whatever_their_names(self, tmp_path: Path) -> None:
        for name in ("b.json", "a.json", "deep/er/c.json"):
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(LOG)
        assert [path for path, _ in read(f"{tmp_path}/*.json")] == [
            f"{tmp_path}/a.json",
            f"{tmp_path}/b.json",
        ]
        assert len(read(f"{tmp_path}/**/*.json")) == 3

    def test_without_a_match_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="No file matches"):
            read(f"{tmp_path}/*.log")


MEMBERS = {
    "logs/b.log": LOG,
    "logs/a": LOG,
    "logs/c.log.gz": gzip.compress(LOG),
    "logs/.hidden/d.log": LOG,
    "meta.json": b"{}",
    "inner.zip": zipped({"x.log": LOG}),
    "program": b"\0",
}


class TestArchives:
    @pytest.mark.parametrize(
        "name", ["x.zip", "x.ZIP", "x.tar", "x.tar.gz", "x.tgz", "x.tbz2", "x.txz", "x.tar.zst"]
    )
    def test_members_are_read_in_their_order(self, tmp_path: Path, name: str) -> None:
        codec = {"tgz": "gz", "tbz2": "bz2", "txz": "xz"}.get(
            name.rpartition(".")[2], name.rpartition(".")[2]
        )
        data = zipped(MEMBERS) if name.lower().endswith(".zip") else COMPRESS.get(codec, bytes)(tar(MEMBERS))
        file = tmp_path / name
        file.write_bytes(data)
        assert read(file) == [(f"{file}!{name}", LOG) for name in ("logs/b.log", "logs/a", "logs/c.log.gz")]
        assert {path.partition("!")[2] for path in skips(file)} == {
            "logs/.hidden/d.log",
            "meta.json",
            "inner.zip",
            "program",
        }

    @pytest.mark.parametrize(
        "kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE]
    )
    @pytest.mark.parametrize("name", ["x.tar", "x.tar.gz"])
    def test_headers_are_bounded(self, tmp_path: Path, kind: bytes, name: str) -> None:
        value = b"x" * (3 << 20)
        is_pax = kind in {tarfile.XHDTYPE, tarfile.XGLTYPE}
        data = header(kind, b"%d path=%s\n" % (len(value) + 14, value) if is_pax else value)
        data += tar({"a.log": LOG})
        (tmp_path / name).write_bytes(COMPRESS["gz"](data) if name == "x.tar.gz" else data)
        with pytest.raises(SourceError, match=rf"{name} says more than 1048576 bytes") as caught:
            read(tmp_path / name)
        assert len(str(caught.value)) < 500

    def test_headers_of_one_member_are_bounded_together(self, tmp_path: Path) -> None:
        data = header(tarfile.GNUTYPE_LONGNAME, b"x" * (300 << 10)) * 5 + tar({"a.log": LOG})
        (tmp_path / "x.tar").write_bytes(data)
        with pytest.raises(SourceError, match="says more than 1048576 bytes"):
            read(tmp_path / "x.tar")

    def test_map_of_a_sparse_file_is_bounded(self, tmp_path: Path) -> None:
        first = bytearray(header(tarfile.GNUTYPE_SPARSE, b""))
        first[482] = 1
        first[148:156] = b" " * 8
        first[148:156] = b"%06o\0 " % sum(first)
        more = (b"%011o\0" % 0) * 42 + b"\1" + bytes(7)
        (tmp_path / "x.tgz").write_bytes(gzip.compress(bytes(first) + more * 4096))
        with pytest.raises(SourceError, match="says more than 1048576 bytes"):
            read(tmp_path / "x.tgz")

    def test_long_names_of_many_members_are_no_bomb(self, tmp_path: Path) -> None:
        members = {f"{'folder/' * 700}{number}.log": LOG for number in range(300)}
        (tmp_path / "x.tar").write_bytes(tar(members))
        assert [path for path, _ in read(tmp_path / "x.tar")] == [
            f"{tmp_path}/x.tar!{one}" for one in members
        ]

    def test_memory_does_not_grow_with_the_members(self, tmp_path: Path) -> None:
        member = tar({"program": b"\0"})[:1024]
        peaks = []
        for count in (1000, 8000):
            (tmp_path / "x.tar").write_bytes(member * count + tar({"a.log": LOG}))
            tracemalloc.start()
            assert len(read(tmp_path / "x.tar")) == 1
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < peaks[0] + 500_000

    def test_links_of_a_tar_are_not_followed(self, tmp_path: Path) -> None:
        file = tmp_path / "x.tar"
        with tarfile.open(file, "w") as archive:
            link = tarfile.TarInfo("link.log")
            link.type = tarfile.SYMTYPE
            link.linkname = "/etc/passwd"
            archive.addfile(link)
            info = tarfile.TarInfo("real.log")
            info.size = len(LOG)
            archive.addfile(info, io.BytesIO(LOG))
        assert read(file, on_skip=lambda _skip: None) == [(f"{file}!real.log", LOG)]

    @pytest.mark.parametrize(
        "name", ["x.zip", "x.tar.gz", "x.tar", "x.log.gz", "x.log.bz2", "x.log.xz", "x.log.zst"]
    )
    @pytest.mark.parametrize("how", ["cut", "noise"])
    def test_damage_is_one_sentence_that_names_the_file(self, tmp_path: Path, name: str, how: str) -> None:
        kind, codec = name.split(".")[1], name.rpartition(".")[2]
        inner = os.urandom(20_000)
        plain = inner if kind == "log" else tar({"a.log": inner, "b.log": inner})
        data = zipped({"a.log": inner}) if kind == "zip" else COMPRESS.get(codec, bytes)(plain)
        file = tmp_path / name
        file.write_bytes(data[: len(data) // 2] if how == "cut" else os.urandom(5000))
        with pytest.raises(SourceError, match=name) as caught:
            read(file)
        assert "\n" not in str(caught.value)

    def test_encrypted_member(self, tmp_path: Path) -> None:
        data = bytearray(zipped({"a.log": LOG}))
        for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            data[data.index(signature) + offset] |= 1
        (tmp_path / "x.zip").write_bytes(data)
        with pytest.raises(SourceError, match="is encrypted"):
            read(tmp_path / "x.zip")

    @pytest.mark.parametrize("name", ["x.log.gz", "x.log.bz2", "x.log.xz", "x.log.zst", "x.zip", "x.tar.gz"])
    def test_bombs_are_not_unpacked(self, tmp_path: Path, name: str) -> None:
        bomb = bytes(5 << 20)
        kind, codec = name.split(".")[1], name.rpartition(".")[2]
        if kind == "zip":
            data = zipped({"a.log": bomb})
        else:
            data = COMPRESS[codec](bomb if kind == "log" else tar({"a.log": bomb}))
        (tmp_path / name).write_bytes(data)
        assert len(data) < 100_000
        with pytest.raises(SourceError, match="unpacks to more than 1048576 bytes"):
            read(tmp_path / name, limits=Limits(log_bytes=1 << 20))

    @pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
    def test_all_members_together_are_bounded(self, tmp_path: Path, name: str) -> None:
        members = {f"{number}.log": bytes(1 << 20) for number in range(5)}
        (tmp_path / name).write_bytes(zipped(members) if name == "x.zip" else gzip.compress(tar(members)))
        with pytest.raises(SourceError, match="in all"):
            read(tmp_path / name, limits=Limits(archive_bytes=3 << 20))

    @pytest.mark.parametrize("codec", COMPRESS)
    @pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tgz"])
    def test_members_that_are_compressed_themselves_count_unpacked(
        self, tmp_path: Path, name: str, codec: str
    ) -> None:
        members = {f"{number}.log.{codec}": COMPRESS[codec](bytes(1 << 20)) for number in range(5)}
        data = zipped(members) if name == "x.zip" else tar(members)
        (tmp_path / name).write_bytes(gzip.compress(data) if name == "x.tgz" else data)
        assert len(read(tmp_path / name)) == 5
        with pytest.raises(SourceError, match="in all"):
            read(tmp_path / name, limits=Limits(archive_bytes=3 << 20))

    def test_members_that_are_passed_over_count_too(self, tmp_path: Path) -> None:
        data = gzip.compress(tar({"big.bin": bytes(5 << 20), "a.log": LOG}))
        (tmp_path / "x.tgz").write_bytes(data)
        with pytest.raises(SourceError, match="in all"):
            read(tmp_path / "x.tgz", limits=Limits(archive_bytes=3 << 20))


RAW_NAME = os.fsdecode(b"caf\xe9 \xff.log")
SHOWN_NAME = "caf\ufffd \ufffd.log"


class TestNamesThatAreNotUtf8:
    @pytest.fixture
    def odd(self, tmp_path: Path) -> Path:
        folder = tmp_path / os.fsdecode(b"d\xe9")
        try:
            folder.mkdir()
        except OSError:
            pytest.skip("this file system takes UTF-8 only")
        return folder

    def test_file_and_pattern(self, odd: Path) -> None:
        (odd / RAW_NAME).write_bytes(LOG)
        shown = f"{odd.parent}/d\ufffd/{SHOWN_NAME}"
        assert read(odd / RAW_NAME) == read(odd) == read(f"{odd}/*.log") == [(shown, LOG)]

    def test_what_is_told_can_be_written(self, odd: Path) -> None:
        (odd / f"{RAW_NAME}.gz").write_bytes(b"noise")
        (odd / f"{RAW_NAME}.json").touch()
        told: list[Skip] = []
        with pytest.raises(SourceError) as caught:
            list(read_logs(odd, on_skip=told.append))
        assert len(told) == 2
        for text in (str(caught.value), *(part for skip in told for part in skip)):
            text.encode()
        for path in (odd / f"{RAW_NAME}.gz", odd / "none", f"{odd}/*.none", odd / f"{RAW_NAME}.parquet"):
            with pytest.raises(SourceError) as caught:
                read(path)
            str(caught.value).encode()

    @pytest.mark.parametrize("packed", [False, True])
    def test_members(self, odd: Path, packed: bool) -> None:
        name = f"{RAW_NAME}.gz" if packed else RAW_NAME
        members = {name: gzip.compress(LOG) if packed else LOG}
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for member, data in members.items():
                info = tarfile.TarInfo(member)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        file = odd / "x.tar"
        file.write_bytes(target.getvalue())
        ending = ".gz" if packed else ""
        assert read(file) == [(f"{odd.parent}/d\ufffd/x.tar!{SHOWN_NAME}{ending}", LOG)]

    def test_members_of_a_zip(self, odd: Path) -> None:
        file = odd / "x.zip"
        file.write_bytes(zipped({"caf_.log": LOG}).replace(b"caf_", b"caf\xe9"))
        ((path, data),) = read(file)
        assert data == LOG
        assert path is not None
        path.encode()

    def test_recorded_cluster_and_raw_archive(self, odd: Path, client: Client, folder: Path) -> None:
        archive = Archive(odd / "archive")
        fetch(client, ALGORITHM, archive, limit=2)
        shutil.copytree(folder, odd / "cluster")
        for path, count in ((odd / "archive", 2), (odd / "cluster", 24)):
            found = read(path)
            assert len(found) == count
            for shown, _ in found:
                assert shown is not None
                assert shown.encode().startswith(os.fsencode(odd.parent))
        (odd / "archive" / archive.parts()[0]).write_bytes(b"noise")
        with pytest.raises(ArchiveError) as caught:
            read(odd / "archive")
        str(caught.value).encode()

    @pytest.mark.parametrize("path", ["\ud800", "a\0b"])
    def test_what_can_be_no_path(self, path: str) -> None:
        with pytest.raises(SourceError, match="can be no path") as caught:
            read(path)
        str(caught.value).encode()


class TestByteOrderMarks:
    MARKED = pytest.mark.parametrize(
        "data",
        [
            codecs.BOM_UTF16_LE + LOG.decode().encode("utf-16-le"),
            codecs.BOM_UTF16_BE + LOG.decode().encode("utf-16-be"),
            codecs.BOM_UTF8 + LOG,
        ],
        ids=["utf-16-le", "utf-16-be", "utf-8"],
    )

    @MARKED
    def test_logs_are_utf_8_without_one(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "a.log").write_bytes(data)
        (tmp_path / "b").write_bytes(data)
        (tmp_path / "c.log.gz").write_bytes(gzip.compress(data))
        (tmp_path / "d.zip").write_bytes(zipped({"d.log": data}))
        (tmp_path / "e.tar").write_bytes(tar({"e": data, "f.log.gz": gzip.compress(data)}))
        assert [data for _, data in read(tmp_path)] == [LOG] * 6
        assert [data for _, data in read(tmp_path / "a.log")] == [LOG]

    @MARKED
    def test_standard_input(self, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert read("-") == [("-", LOG)]

    @pytest.mark.parametrize("data", [b"\xff\xfea", b"\xff\xfe\x00\xd8a\0", b"\xfe\xff\xdc\x00"])
    def test_what_is_no_utf_16_is_kept(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "a.log").write_bytes(data)
        assert read(tmp_path) == [(f"{tmp_path}/a.log", data)]


class TestClusters:
    def test_recorded_cluster(self, folder: Path) -> None:
        assert list(read_logs(folder)) == list(RecordedCluster(folder).logs())

    def test_recorded_cluster_without_logs(self, folder: Path) -> None:
        shutil.rmtree(folder / ALGORITHM / "logs")
        with pytest.raises(SourceError, match="no log"):
            read(folder)

    def test_raw_archive(self, client: Client, archive: Archive) -> None:
        fetch(client, ALGORITHM, archive)
        assert list(read_logs(archive.path)) == list(archive.logs())

    def test_uri_is_a_raw_archive(self, client: Client, archive: Archive) -> None:
        fetch(client, ALGORITHM, archive, limit=2)
        assert len(read(Path(archive.path).absolute().as_uri())) == 2
        with pytest.raises(ArchiveError):
            read("nope://bucket/x")
