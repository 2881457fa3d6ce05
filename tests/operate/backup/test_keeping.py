"""Which copies stay, and whose."""

from __future__ import annotations

import errno
import json
import shutil
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from store_kit import numbers

from cortex_otel.operate.backup import making
from cortex_otel.operate.backup.errors import BackupError
from cortex_otel.operate.backup.keeping import superseded
from cortex_otel.operate.backup.names import CopyName
from cortex_otel.query.zones import zone

SERIES = "abcdefabcdef"
DEFAULT = {"daily": 7, "weekly": 4, "monthly": 12}


def copies(*moments):
    return [
        CopyName(SERIES, number, int(moment.timestamp())) for number, moment in enumerate(moments)
    ]


def days(number, start=datetime(2026, 1, 1, tzinfo=UTC)):
    return [start + timedelta(days=each) for each in range(number)]


def kept(made, keep=DEFAULT, at=zone("UTC")):  # noqa: B008 - the same for all
    gone = set(superseded(made, keep, at))
    return [datetime.fromtimestamp(one.created_s, UTC) for one in made if one not in gone]


def test_a_year_of_nights():
    stay = kept(copies(*days(400)))
    last = days(400)[-1]
    assert stay[-7:] == days(400)[-7:]
    assert len(stay) <= 7 + 4 + 12
    # The last of each month, but for the month under way.
    months = [day for day in stay if (day + timedelta(days=1)).month != day.month]
    assert len(months) >= 11
    assert stay[-1] == last


def test_each_night_as_each_night():
    """Deleting every night leaves what deleting once at the end would."""
    made = copies(*days(200))
    alive = []
    for one in made:
        alive.append(one)
        gone = set(superseded(alive, DEFAULT, zone("UTC")))
        alive = [each for each in alive if each not in gone]
    gone = set(superseded(made, DEFAULT, zone("UTC")))
    assert alive == [each for each in made if each not in gone]


def test_days_are_the_projects():
    evening, midnight = datetime(2026, 1, 1, 14, tzinfo=UTC), datetime(2026, 1, 1, 16, tzinfo=UTC)
    made = copies(evening, midnight)
    keep = {"daily": 2}
    assert len(kept(made, keep)) == 1
    assert len(kept(made, keep, zone("Asia/Seoul"))) == 2


def test_the_last_one_stays_whatever_is_set():
    assert kept(copies(*days(3)), {}) == days(3)[-1:]
    assert kept(copies(*days(3)), {"daily": 0, "weekly": 0, "monthly": 0}) == days(3)[-1:]
    assert superseded([], DEFAULT, zone("UTC")) == []


def test_a_clock_that_was_wrong_once_costs_no_good_copy():
    made = copies(*days(5), datetime(2099, 1, 1, tzinfo=UTC), *days(5, days(6)[-1]))
    stay = kept(made, {"daily": 7})
    assert stay[-5:] == days(5, days(6)[-1])
    assert len(stay) == 7


# --- at a target ----------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """Seconds since 1970, to be set."""
    clock = SimpleNamespace(now=1_767_571_200)
    monkeypatch.setattr(making, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


def test_older_copies_go_and_those_of_others_stay(site, clock):
    foreign = {
        "holiday.jpg": b"x",
        f"cortex-otel-{SERIES}-000001-20200101T000000Z.json": b"{}",
        f"cortex-otel-{SERIES}-000001-20200101T000000Z.tar.zst.age": b"of another home",
        f".cortex-otel-{SERIES}-000002-20200101T000000Z.tar.zst.age.partial": b"being written",
        "cortex-otel-notes.txt": b"x",
    }
    for name, content in foreign.items():
        (site.target / name).write_bytes(content)
    deleted = []
    for _ in range(5):
        deleted.append(site.make(backup_keep="daily=2").deleted)
        clock.now += 86_400
    assert deleted == [0, 0, 1, 1, 1]
    for name, content in foreign.items():
        assert (site.target / name).read_bytes() == content
        (site.target / name).unlink()
    assert len(site.files(".json")) == len(site.files(".age")) == 2


def test_the_clock_set_back(site, clock, tmp_path):
    site.make()
    clock.now -= 40 * 86_400
    site.fill(5, start=200)
    second = site.make(backup_keep="daily=1")
    assert second.deleted == 1
    assert site.restore(to=tmp_path / "beside").manifest.name == second.manifest.name
    assert len(numbers(tmp_path / "beside" / "cortex.db")) == 205


def test_a_copy_that_is_not_whole_is_neither_counted_nor_deleted(site, clock):
    """But for an archive that has no manifest: a backup was interrupted there."""
    for _ in range(3):
        site.make()
        clock.now += 86_400
    first, second, third = site.files(".age")
    site.target.joinpath(first).write_bytes(b"cut")
    manifest = site.target / second.replace(".tar.zst.age", ".json")
    manifest.unlink()
    site.make(backup_keep="daily=2")
    assert first in site.files()
    assert second not in site.files()
    assert third in site.files()


def test_nothing_is_deleted_before_the_new_copy_is_whole(site, clock, monkeypatch):
    site.make()
    before = site.files()
    clock.now += 86_400

    def broken(*_arguments, **_named):
        raise BackupError("broken")

    monkeypatch.setattr(making, "check_archive", broken)
    with pytest.raises(BackupError, match="broken"):
        site.make(backup_keep="daily=1")
    assert [name for name in site.files() if name.endswith(".json")] == before[:1]
    assert set(before) <= set(site.files())


def test_a_target_that_gives_back_something_else(site, monkeypatch):
    from cortex_otel.operate.backup.directory import Directory

    read = Directory.read

    def flipped(self, name, size):
        content = b"".join(read(self, name, size))
        yield content[:-1] + bytes([content[-1] ^ 1])

    monkeypatch.setattr(Directory, "read", flipped)
    with pytest.raises(BackupError, match="returned other data"):
        site.make()
    assert site.files() == []


def test_a_private_key_that_opens_nothing_is_told(site, tmp_path):
    from cortex_otel.operate.backup.keys import new_key

    new_key(tmp_path / "other.key")
    with pytest.raises(BackupError, match="CORTEX_OTEL_BACKUP_IDENTITY: this key doesn't open it"):
        site.make(backup_identity=str(tmp_path / "other.key"))
    assert site.files() == []


def test_a_target_that_is_empty_though_it_had_copies(site, clock):
    """As when its disk isn't mounted: the directory below it is there, on the wrong disk."""
    site.make()
    for path in site.target.iterdir():
        path.unlink()
    with pytest.raises(BackupError, match=r"mount its disk.*--first"):
        site.make()
    assert site.files() == []
    making.make_copy(site.settings(), is_first=True)
    clock.now += 86_400
    site.make()
    assert len(site.files(".json")) == 2


def test_a_home_that_was_copied_to_another_machine_is_another(site, tmp_path, monkeypatch):
    from cortex_otel.operate.backup import series

    machine = tmp_path / "machine-id"
    machine.write_text("one")
    monkeypatch.setattr(series, "_MACHINE_ID", machine)
    site.make()
    machine.write_text("two")
    assert site.make(backup_keep="daily=1").deleted == 0
    assert len({name.split("-")[2] for name in site.files(".json")}) == 2
    machine.write_text("three")
    with pytest.raises(BackupError, match="backups of 2 homes"):
        site.restore(to=tmp_path / "beside")


def test_a_home_that_was_copied_where_machines_have_no_id_is_another(site, tmp_path, monkeypatch):
    from cortex_otel.operate.backup import series

    monkeypatch.setattr(series, "_MACHINE_ID", tmp_path / "none")
    site.make()
    (first,) = site.files(".json")
    shutil.copytree(site.home, tmp_path / "clone")
    clone = site.settings(home=str(tmp_path / "clone"), backup_keep="daily=1")
    assert making.make_copy(clone).deleted == 0
    assert first in site.files(".json")
    assert len({name.split("-")[2] for name in site.files(".json")}) == 2
    assert making.make_copy(clone).deleted == 1  # of its own
    assert first in site.files(".json")


def test_a_file_system_without_locks_is_one_line(site, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def without(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", without)
    with pytest.raises(BackupError, match=r"lock can't be used \(No locks available\)"):
        site.make()
    assert site.files(".json") == []


def test_the_file_of_the_series(site):
    site.make()
    path = site.home / "backup.json"
    assert oct(path.stat().st_mode)[-3:] == "600"
    found = json.loads(path.read_text())
    for content in (b"", b"[]", b"{}", json.dumps(found | {"series": "../.."}).encode()):
        path.write_bytes(content)
        with pytest.raises(BackupError, match="is damaged: delete it"):
            site.make()
