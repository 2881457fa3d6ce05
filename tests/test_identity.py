import hashlib
import hmac
import os
import subprocess
import sys
import threading
import time
import types
from enum import Enum
from pathlib import Path

import pytest
from patience import PATIENCE

from cortex_otel import guard, identity
from cortex_otel.identity import Identity, IdentityResolver
from cortex_otel.settings import read_environment


def resolver(**settings):
    return IdentityResolver(read_environment({}, overrides={"identity_ttl_ms": 0, **settings}))


@pytest.fixture
def licence(monkeypatch):
    """Cortex's licence manager, answering with ``info``."""

    def install(info):
        module = types.ModuleType("core.license_manager")
        manager = types.SimpleNamespace(get_license_info=lambda: info)
        module.get_license_manager = lambda: manager
        monkeypatch.setitem(sys.modules, "core", types.ModuleType("core"))
        monkeypatch.setitem(sys.modules, "core.license_manager", module)

    return install


def test_a_user_id_becomes_its_sha_256():
    assert resolver(user_id="alice").current().user_hash == hashlib.sha256(b"alice").hexdigest()


def test_with_a_key_it_becomes_an_hmac():
    who = resolver(user_id="alice", user_hash_key="k").current()

    assert who.user_hash == hmac.new(b"k", b"alice", hashlib.sha256).hexdigest()


def test_without_a_user_there_is_no_hash_and_the_tier_is_free():
    assert resolver().current() == ("", "free", "", "")


@pytest.mark.parametrize(
    ("number", "tier"), [(1, "free"), (2, "paid"), (3, "enterprise"), (9, "free")]
)
@pytest.mark.parametrize("wrap", [dict, lambda info: types.SimpleNamespace(**info)])
def test_the_licence_gives_the_tier(licence, number, tier, wrap):
    licence(wrap({"is_valid": True, "tier": number}))

    assert resolver(tier="trial").current().tier == tier


def test_an_invalid_licence_means_free(licence):
    licence({"is_valid": False, "tier": 3})

    assert resolver(tier="paid").current().tier == "free"


def test_the_provider_wins_field_by_field(licence):
    licence({"is_valid": True, "tier": 2})
    who = resolver(user_id="from-environment")
    who.provider = lambda: {"tier": "enterprise"}

    assert who.current().tier == "enterprise"
    assert who.current().user_hash == hashlib.sha256(b"from-environment").hexdigest()


def test_a_tier_that_changes_shows_from_then_on():
    who = resolver()
    tiers = iter(["free", "paid"])
    who.provider = lambda: Identity(tier=next(tiers))

    assert [who.current().tier, who.current().tier] == ["free", "paid"]


def test_a_provider_that_raises_is_counted_and_the_next_source_used():
    guard.rethrow_in_tests(enabled=False)
    who = resolver(tier="trial")

    def provider():
        raise RuntimeError("secret")

    who.provider = provider
    assert who.current().tier == "trial"
    assert guard.faults()["identity.provider"] == 1


@pytest.mark.parametrize("garbage", [None, {"tier": "gold"}, Identity(user_hash="not a digest")])
def test_garbage_from_a_provider_is_ignored(garbage):
    guard.rethrow_in_tests(enabled=False)
    who = resolver(tier="paid")
    who.provider = lambda: garbage

    assert who.current().tier == "paid"
    assert who.current().user_hash == ""


def test_a_project_that_is_a_path_is_hashed():
    who = resolver()
    who.provider = lambda: Identity(project_id="/home/alice/plan", branch_id="main-2")

    project, branch = who.current()[2:]
    assert "alice" not in project
    assert project
    assert branch == "main-2"


def test_text_hashes_are_keyed_by_the_installation(tmp_path):
    here, again = resolver(home=tmp_path / "a"), resolver(home=tmp_path / "a")
    other = resolver(home=tmp_path / "b")

    assert here.hash_text("query") == again.hash_text("query") != other.hash_text("query")
    assert (tmp_path / "a" / "text-hash.key").stat().st_mode & 0o777 == 0o600


# Other tests may have left threads, of which Python 3.12 and later warn.
@pytest.mark.system
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_its_own_session():
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, identity.session_id().encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reader, 64).decode() != identity.session_id()


def test_the_identity_is_cached_for_its_ttl(monkeypatch):
    now = 100.0
    monkeypatch.setattr(identity.time, "monotonic", lambda: now)
    asked = []
    who = resolver(identity_ttl_ms=500)
    who.provider = lambda: asked.append(1) or Identity(tier="paid" if len(asked) > 1 else "trial")

    assert [who.current().tier for _ in range(3)] == ["trial"] * 3
    now = 100.4
    assert who.current().tier == "trial"
    now = 100.6
    assert who.current().tier == "paid"
    assert len(asked) == 2


@pytest.mark.timing
def test_while_a_slow_provider_answers_others_get_the_last_answer():
    who = resolver()
    assert who.current().tier == "free"
    begun, go_on = threading.Event(), threading.Event()

    def provider():
        begun.set()
        assert go_on.wait(PATIENCE)
        return Identity(tier="paid")

    who.provider = provider
    slow = threading.Thread(target=who.current)
    slow.start()
    assert begun.wait(PATIENCE)
    started = time.monotonic()
    assert [who.current().tier for _ in range(5)] == ["free"] * 5
    assert time.monotonic() - started < 1
    go_on.set()
    slow.join(PATIENCE)
    assert who.current().tier == "paid"


def test_a_provider_that_is_an_instrumented_tool_is_not_called_recursively():
    who = resolver()
    depth = []

    def provider():
        depth.append(1)
        return {"tier": "paid", "project_id": who.current().tier}

    who.provider = provider
    assert who.current().tier == "paid"
    assert len(depth) == 1


class Hostile:
    """Raises at whatever is asked of it."""

    def __getattr__(self, name):
        if name == "__name__":  # pytest asks when it names the test
            raise AttributeError(name)
        raise RuntimeError(name)

    def __fspath__(self):
        raise RuntimeError("path")

    def __eq__(self, other):
        raise RuntimeError("equal")

    __hash__ = None


@pytest.mark.parametrize(
    "garbage",
    [
        7, "alice", ["alice"], b"alice", object(), Hostile(), lambda: None,
        {"user_id": b"alice"}, {"user_id": ["alice"]}, {"user_id": True}, {"user_id": Hostile()},
        {"tier": {"paid"}}, {"tier": Hostile()}, {"tier": 3}, {"user_hash": 5},
        {"user_hash": "g" * 64}, {"project_id": [1]}, {"branch_id": Hostile()},
        Identity(user_id=1.5), Identity(project_id=b"/home/alice"),
    ],
)  # fmt: skip
def test_nonsense_of_every_type_leaves_the_next_sources(garbage, caplog):
    guard.rethrow_in_tests(enabled=False)
    who = resolver(tier="paid", user_id="from-environment")
    who.provider = lambda: garbage

    found = who.current()
    assert (found.tier, found.project_id, found.branch_id) in {("paid", "", ""), ("free", "", "")}
    assert "alice" not in f"{found} {caplog.text}"
    who.provider = None
    assert who.current().user_hash == hashlib.sha256(b"from-environment").hexdigest()


@pytest.mark.parametrize("number", [12345, "12345"])
def test_a_number_is_a_user_id(number):
    who = resolver()
    who.provider = lambda: {"user_id": number}
    assert who.current().user_hash == hashlib.sha256(b"12345").hexdigest()


def test_a_hash_of_the_hosts_own_is_taken_in_either_case():
    digest = hashlib.sha256(b"x").hexdigest()
    who = resolver(user_id="alice")
    who.provider = lambda: Identity(user_hash=digest.upper(), user_id="bob")
    assert who.current().user_hash == digest


@pytest.mark.parametrize("text", ["alice\ud800", "홍길동", "a\nb\0c"])
@pytest.mark.parametrize("key", [None, "k\udcff", "열쇠"])
def test_any_text_can_be_hashed(text, key):
    who = resolver(user_id=text, user_hash_key=key)
    data = text.encode("utf-8", "surrogatepass")
    expected = hashlib.sha256(data)
    if key:
        expected = hmac.new(key.encode("utf-8", "surrogatepass"), data, hashlib.sha256)
    assert who.current().user_hash == expected.hexdigest()


@pytest.mark.parametrize(
    "path", [Path("/srv/alice/plan"), "/srv/alice", "C:\\alice", "alice/plan", "alice@host", "a b"]
)
def test_a_path_of_any_kind_is_hashed_and_equal_ones_are_equal(path, tmp_path):
    who = resolver(home=tmp_path)
    who.provider = lambda: {"project_id": path, "branch_id": str(path)}
    project, branch = who.current()[2:]
    assert project == branch == who.hash_text(str(path))


# --- The licence manager ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "info",
    [
        None, {}, {"tier": 3}, {"is_valid": "false", "tier": 3}, {"is_valid": True},
        {"is_valid": True, "tier": "gold"}, {"is_valid": lambda: False, "tier": 3}, Hostile(),
    ],
)  # fmt: skip
def test_malformed_licence_data_means_free(licence, info):
    guard.rethrow_in_tests(enabled=False)
    licence(info)
    assert resolver(tier="paid").current().tier == "free"


def test_a_licence_tier_may_be_an_enumeration(licence):
    licence({"is_valid": True, "tier": Enum("Tier", {"PAID": 2}).PAID})
    assert resolver().current().tier == "paid"


def test_a_licence_manager_that_raises_is_counted_and_means_free(licence):
    guard.rethrow_in_tests(enabled=False)
    licence({})
    sys.modules["core.license_manager"].get_license_manager = lambda: 1 / 0
    assert resolver(tier="paid").current().tier == "free"
    assert guard.faults() == {"identity.licence": 1}


@pytest.fixture
def no_core(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "core"]:
        monkeypatch.delitem(sys.modules, name)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "core"]:
        del sys.modules[name]


def test_an_unrelated_package_called_core_is_not_imported(tmp_path, monkeypatch, no_core):
    package = tmp_path / "core"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)

    assert resolver(tier="paid").current().tier == "paid"
    assert "core" not in sys.modules


def test_a_licence_manager_added_to_the_path_later_is_found(tmp_path, monkeypatch, no_core):
    """Under zero-code start the script's directory isn't on the path yet."""
    who = resolver()
    assert who.current().tier == "free"
    package = tmp_path / "core"
    package.mkdir()
    (package / "license_manager.py").write_text(
        "class Manager:\n    def get_license_info(self):\n"
        "        return {'is_valid': True, 'tier': 2}\n"
        "get_license_manager = Manager\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert who.current().tier == "paid"


def test_a_licence_manager_that_cannot_be_imported_is_counted(tmp_path, monkeypatch, no_core):
    guard.rethrow_in_tests(enabled=False)
    package = tmp_path / "core"
    package.mkdir()
    (package / "license_manager.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    who = resolver(tier="paid")
    assert [who.current().tier, who.current().tier] == ["paid", "paid"]
    assert guard.faults() == {"identity.licence_import": 1}, "and not tried again"


# --- The key of the installation ----------------------------------------------------------------


@pytest.mark.system
def test_processes_that_start_together_make_one_key(tmp_path):
    program = (
        "import sys; from cortex_otel.identity import IdentityResolver;"
        "from cortex_otel.settings import read_environment;"
        "print('ready', flush=True); sys.stdin.read();"
        "print(IdentityResolver(read_environment()).hash_text('query'))"
    )
    environment = {**os.environ, "CORTEX_OTEL_HOME": str(tmp_path / "home")}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(6)
    ]
    for process in running:
        assert process.stdout.readline() == b"ready\n"
    for process in running:
        process.stdin.close()
    hashes = set()
    for process in running:
        hashes.add(process.stdout.read())
        process.stdout.close()
        assert process.wait(PATIENCE) == 0
    assert len(hashes) == 1
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["text-hash.key"]


def test_a_home_that_cannot_be_written_gives_a_key_for_the_process(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    settings = read_environment({}, overrides={"home": tmp_path / "file" / "home"})
    first = identity.use(settings)
    text = first.hash_text("query")
    assert identity.use(settings).hash_text("query") == text, "configured again"
    assert IdentityResolver(settings).hash_text("query") != text


def test_a_file_that_is_no_key_of_ours_is_left_alone(tmp_path):
    (tmp_path / "text-hash.key").write_bytes(b"short")
    assert len(resolver(home=tmp_path).hash_text("query")) == 16
    assert (tmp_path / "text-hash.key").read_bytes() == b"short"
    assert len(list(tmp_path.iterdir())) == 1


def test_texts_are_not_hashed_without_a_key(tmp_path):
    text = resolver(home=tmp_path).hash_text("query")
    assert text != hashlib.blake2b(b"query", digest_size=8).hexdigest()
    assert text != hashlib.sha256(b"query").hexdigest()[:16]


@pytest.mark.system
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_asks_although_a_thread_of_its_parent_was_asking():
    who = identity.use(read_environment({}, overrides={"tier": "paid"}))
    who.resolving.acquire()
    child = os.fork()
    if child == 0:
        os._exit(0 if who.current().tier == "paid" else 1)
    who.resolving.release()
    assert os.waitpid(child, 0)[1] == 0
