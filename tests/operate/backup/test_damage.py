"""A copy that was cut, changed or swapped is told as such, and restores nothing."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile

import pytest
import zstandard
from backup_site import Site, state_of

from cortex_otel.operate.backup.errors import BackupError
from cortex_otel.operate.backup.keys import new_key
from cortex_otel.operate.backup.names import parse_name


def refused(site, match, wanted="latest"):
    """Restoring says so in one line, and changes nothing."""
    before = state_of(site.directory)
    with pytest.raises(BackupError, match=match) as caught:
        site.restore(wanted, to=site.directory / "beside")
    assert "\n" not in str(caught.value)
    assert state_of(site.directory) == before


@pytest.fixture
def copied(site):
    site.add_log()
    site.make()
    return site


@pytest.fixture
def plain(site):
    site.is_encrypted = False
    site.make()
    return site


def lie(site, **changes):
    """Change the manifest."""
    path = site.manifest()
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_another_key(copied, tmp_path):
    copied.key = tmp_path / "other.key"
    new_key(copied.key)
    refused(copied, "this key doesn't open it")


def test_a_key_file_that_is_none(copied, tmp_path):
    (tmp_path / "beside.key").write_text("# nothing\n")
    copied.key = tmp_path / "beside.key"
    refused(copied, "no private key that can be used")
    copied.key.write_bytes(b"\xff\x00" * 40)
    refused(copied, "no private key that can be used")
    copied.key.unlink()
    refused(copied, "no identity file")


@pytest.mark.parametrize("fixture", ["copied", "plain"])
def test_cut_anywhere(request, fixture):
    site = request.getfixturevalue(fixture)
    whole = site.archive().read_bytes()
    for size in (0, 1, 100, 300, len(whole) // 2, len(whole) - 1):
        site.archive().write_bytes(whole[:size])
        refused(site, "no whole backup")  # its size isn't what the manifest says
        refused(site, "isn't whole", site.archive().name)
        lie(site, stored_bytes=size)
        refused(site, "is damaged|isn't what its manifest says")
        lie(site, stored_bytes=len(whole))


@pytest.mark.parametrize("fixture", ["copied", "plain"])
def test_a_bit_that_flipped_anywhere(request, fixture):
    site = request.getfixturevalue(fixture)
    whole = site.archive().read_bytes()
    places = random.Random(1).sample(range(len(whole)), 12)
    for place in (0, 30, 100, 200, len(whole) - 1, *places):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        site.archive().write_bytes(changed)
        refused(site, "is damaged|isn't what its manifest says|this key doesn't open it")


@pytest.mark.parametrize(
    "lies",
    [
        {"events": 201}, {"schema": 5}, {"ledger": {"event": {"received": 1}}},
        {"plain_sha256": "0" * 64}, {"stored_sha256": "0" * 64}, {"logs": 7},
        {"created": "2026-01-01T00:00:00.000+00:00"}, {"time_zone": "Asia/Seoul"},
        {"plain_bytes": 10_000_000}, {"database_bytes": 1},
    ],
)  # fmt: skip
def test_a_manifest_that_lies(copied, lies):
    lie(copied, **lies)
    refused(copied, "isn't what its manifest says")


def test_a_manifest_that_says_less_is_read_so_far(copied):
    lie(copied, plain_bytes=1000)
    refused(copied, "is damaged")


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"[]", b"null", b"[" * 60_000, b"{}", b"x" * (1 << 17), b"\xff\xfe",
    ],
)  # fmt: skip
def test_a_manifest_that_is_none(copied, text):
    copied.manifest().write_bytes(text)
    refused(copied, "no whole backup")
    refused(copied, "isn't whole", copied.manifest().name)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "cortex-otel-backup/2"}, {"events": -1}, {"events": True}, {"events": 1e3},
        {"events": 1 << 70}, {"stored_sha256": "zz"}, {"name": "../../etc/passwd"},
        {"encryption": "rot13"}, {"more": 1}, {"time_zone": "\x1b[31m"}, {"ledger": {"event": 1}},
        {"stored_bytes": "12"},
    ],
)  # fmt: skip
def test_fields_of_a_manifest_are_checked(copied, changes):
    lie(copied, **changes)
    refused(copied, "no whole backup")


def test_the_archive_of_another_copy(site):
    """An older archive under a newer name: somebody who can write to the bucket turns time back."""
    site.make(backup_keep="daily=9")
    old, old_manifest = site.archive(), json.loads(site.manifest().read_text())
    content = old.read_bytes()
    site.fill(5, start=200)
    site.make()
    lie(site, stored_bytes=len(content), stored_sha256=old_manifest["stored_sha256"],
        plain_bytes=old_manifest["plain_bytes"], plain_sha256=old_manifest["plain_sha256"],
        events=200, ledger=old_manifest["ledger"],
        database_bytes=old_manifest["database_bytes"])  # fmt: skip
    site.archive().write_bytes(content)
    refused(site, "isn't what its manifest says")


# --- archives that somebody else made ---------------------------------------------------------


def forge(site, *members):
    """Put an archive of these members there, with a manifest that fits it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member, content in members:
            if content is not None:
                member.size = len(content)
            tar.addfile(member, None if content is None else io.BytesIO(content))
    stored = zstandard.ZstdCompressor().compress(file.getvalue())
    site.archive().write_bytes(stored)
    lie(site, stored_bytes=len(stored), stored_sha256=hashlib.sha256(stored).hexdigest(),
        plain_bytes=len(file.getvalue()),
        plain_sha256=hashlib.sha256(file.getvalue()).hexdigest())  # fmt: skip


def link(name, to, kind=tarfile.SYMTYPE):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member


@pytest.mark.parametrize(
    "member",
    [
        (tarfile.TarInfo("../../evil"), b"x"), (tarfile.TarInfo("/tmp/evil"), b"x"),
        (tarfile.TarInfo("logs/../../evil"), b"x"), (tarfile.TarInfo("logs/a/b"), b"x"),
        (tarfile.TarInfo("logs/.bashrc"), b"x"), (tarfile.TarInfo("admin.token"), b"x"),
        (tarfile.TarInfo("logs/" + "x" * 200), b"x"), (tarfile.TarInfo("logs"), b""),
        (link("cortex.db", "/etc/passwd"), None),
        (link("logs/l.jsonl", "/etc/passwd", tarfile.LNKTYPE), None),
        (link("logs/dev.jsonl", "", tarfile.CHRTYPE), None),
    ],
    ids=lambda member: member[0].name[:20],
)  # fmt: skip
def test_files_that_we_never_pack_are_refused(plain, member):
    forge(plain, member)
    refused(plain, "is damaged")


def forge_database(site, database, **lies):
    """An archive of all that belongs in one, and all sums right, with this database."""
    lie(site, **lies)
    manifest = json.loads(site.manifest().read_text())
    archive = {"encryption", "plain_bytes", "plain_sha256", "stored_bytes", "stored_sha256"}
    contents = json.dumps({name: manifest[name] for name in manifest.keys() - archive}).encode()
    members = {"contents.json": contents, "cortex.db": database}
    sums = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in members.items()
    )
    members["SHA256SUMS"] = sums.encode()
    forge(site, *((tarfile.TarInfo(name), content) for name, content in members.items()))


def test_a_database_that_holds_something_else_than_is_said(plain):
    database = plain.database.read_bytes()
    forge_database(plain, database)
    plain.restore(to=plain.directory / "fine")
    forge_database(plain, database, events=201)
    refused(plain, "isn't what its manifest says")
    forge_database(plain, database, events=200, ledger={"event": {"received": 200, "stored": 199}})
    refused(plain, "isn't what its manifest says")


def test_a_database_that_is_damaged_though_all_sums_are_right(plain):
    database = bytearray(plain.database.read_bytes())
    database[4096 * 8 : 4096 * 12] = b"\xff" * 4096 * 4
    forge_database(plain, bytes(database))
    refused(plain, "its database is damaged")
    forge_database(plain, b"no database at all" * 1000)
    refused(plain, "its database is damaged")


def test_the_same_file_twice_is_refused(plain):
    twice = [(tarfile.TarInfo("cortex.db"), b"one"), (tarfile.TarInfo("cortex.db"), b"two")]
    forge(plain, *twice)
    refused(plain, "is damaged")


def test_a_bomb_is_read_as_far_as_the_manifest_says(plain):
    bomb = zstandard.ZstdCompressor(level=3).compress(bytes(1 << 30))
    plain.archive().write_bytes(bomb)
    lie(plain, stored_bytes=len(bomb))
    refused(plain, "is damaged")


def test_a_window_of_gigabytes_is_refused(plain):
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=27, enable_ldm=True)
    frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    content = frame.compress(bytes(1 << 16)) + frame.flush()
    plain.archive().write_bytes(content)
    lie(plain, stored_bytes=len(content))
    refused(plain, "is damaged")


def test_a_database_that_is_damaged_makes_no_copy(site):
    """The pages are copied as they are: they are checked before anything is stored."""
    with site.database.open("r+b") as file:
        file.seek(4096 * 8)
        file.write(b"\xff" * 4096 * 4)
    with pytest.raises(BackupError, match="no backup was made"):
        site.make()
    assert site.files() == []


def test_names():
    for text in (
        "cortex-otel-abcdefabcdef-000001-20261128T000000Z/../x",
        "cortex-otel-ABCDEFABCDEF-000001-20261128T000000Z",
        "cortex-otel-abcdefabcdef-000001-20261328T000000Z",
        "cortex-otel-abcdefabcdef-١٢٣٤٥٦-20261128T000000Z",
        "cortex-otel-abcdefabcdef-1-20261128T000000Z",
        "",
    ):
        assert parse_name(text) is None
    text = "cortex-otel-abcdefabcdef-000042-20261128T235959Z"
    assert str(parse_name(text)) == text


def test_site_is_one_of_ours(tmp_path):
    """A directory full of other things has no copies."""
    site = Site(tmp_path)
    (site.target / "cortex-otel-notes.json").write_text("{}")
    (site.target / "cortex-otel-abcdefabcdef-000001-20261128T000000Z.json").mkdir()
    refused(site, "no whole backup")
