import hashlib
import hmac
import os
import sys
import types

import pytest

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
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_a_session_of_its_own():
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, identity.session_id().encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reader, 64).decode() != identity.session_id()
