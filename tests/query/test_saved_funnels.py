"""The file of saved funnels: what is written is read again, and what people wrote stays."""

from __future__ import annotations

import errno
import os
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_otel.query import saved_funnels
from cortex_otel.query.saved_funnels import (
    SavedFunnel,
    SavedFunnelsError,
    delete_funnel,
    read_funnels,
    save_funnel,
)

SEARCH = SavedFunnel("Search to paid", ("mcp.search_context", "tier:paid"), "14d")
BY_HAND = """\
# Asked on Mondays.
["Search to paid"]   # the one on the wall
steps = ["mcp.search_context", "tier:paid"]

# The other one, with a multi-line list.
[tools]
steps = [
    "mcp.tool_call:read",  # first
    "mcp.tool_call:write",
]
order = "any"
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "funnels.toml"


@pytest.fixture
def by_hand(tmp_path):
    file = tmp_path / "funnels.toml"
    file.write_text(BY_HAND, encoding="utf-8")
    return file


def test_no_file_is_no_funnels(path):
    assert read_funnels(path) == saved_funnels.SavedFunnels()
    assert delete_funnel(path, "anything") is False


def test_what_is_saved_is_read_again_by_its_owner_alone(path):
    save_funnel(path, SEARCH)
    assert read_funnels(path).funnels == {"Search to paid": SEARCH}
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)
names = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Cn", "Co", "Cf")), min_size=1,
    max_size=20,
).filter(lambda each: each == each.strip() and each.isprintable())  # fmt: skip
funnels = st.builds(
    SavedFunnel, names, st.lists(texts, min_size=1, max_size=4).map(tuple),
    st.sampled_from(["1s", "7d", "999999w"]), texts, st.lists(texts, max_size=2).map(tuple), texts,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(funnels, max_size=5), st.data())
def test_any_funnels_are_kept_as_they_were(tmp_path_factory, made, data):
    path = tmp_path_factory.mktemp("any") / "funnels.toml"
    path.write_text("# kept\n", encoding="utf-8")
    expected = {}
    for each in made:
        save_funnel(path, each)
        expected[each.name] = each
    if expected:
        gone = data.draw(st.sampled_from(sorted(expected)))
        assert delete_funnel(path, gone)
        del expected[gone]
    found = read_funnels(path)
    assert found.problems == ()
    # An order or a breakdown that is empty is the default one.
    assert {n: (f.steps, f.within, f.exclude) for n, f in found.funnels.items()} == {
        n: (f.steps, f.within, f.exclude) for n, f in expected.items()
    }
    assert path.read_text(encoding="utf-8").startswith("# kept\n")


def test_comments_and_other_funnels_stay_as_they_were_written(by_hand):
    save_funnel(by_hand, SavedFunnel("tools", ("a.b",)))
    text = by_hand.read_text(encoding="utf-8")
    assert text.startswith(BY_HAND[: BY_HAND.index("[tools]")])
    assert tomllib.loads(text)["tools"] == {"steps": ["a.b"], "within": "7d", "order": "ordered"}
    save_funnel(by_hand, SEARCH)
    assert "# The other one" in by_hand.read_text(encoding="utf-8")
    assert delete_funnel(by_hand, "Search to paid")
    assert set(read_funnels(by_hand).funnels) == {"tools"}
    assert "# The other one" in by_hand.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('["a"]\nsteps = [1, \n', 2, "TOML"),
        ("steps = 1\n", 1, "isn't the table"),
        ('[ok]\nsteps = ["a.b"]\n\n[bad]\nsteps = "a.b"\n', 4, "list of texts"),
        ('[ok]\nsteps = ["a.b"]\n[bad]\nsteps = ["a.b"]\ncolour = 1\n', 3, "unknown key colour"),
        ("[bad]\n", 1, "needs steps"),
        ('[bad]\nsteps = ["a"]\nwithin = "soon"\n', 1, "isn't a time"),
        ('[bad]\nsteps = ["a", 1]\n', 1, "list of texts"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_rest_is_read(tmp_path, text, line, words):
    file = tmp_path / "funnels.toml"
    file.write_text(text, encoding="utf-8")
    found = read_funnels(file)
    (problem,) = found.problems
    assert f"funnels.toml, line {line}: " in str(problem)
    assert words in str(problem)
    assert set(found.funnels) == ({"ok"} if "[ok]" in text else set())


def test_bytes_that_are_no_text_are_named(tmp_path):
    file = tmp_path / "funnels.toml"
    file.write_bytes(b"# fine\n# \xff\n")
    (problem,) = read_funnels(file).problems
    assert "line 2: this isn't UTF-8" in str(problem)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "funnels.toml")
    (problem,) = read_funnels(tmp_path / "funnels.toml").problems
    assert "funnels.toml can't be read" in str(problem)


def test_a_broken_file_is_never_overwritten(tmp_path):
    file = tmp_path / "funnels.toml"
    file.write_text('["a"\n', encoding="utf-8")
    for change in (lambda: save_funnel(file, SEARCH), lambda: delete_funnel(file, "a")):
        with pytest.raises(SavedFunnelsError, match="line 1"):
            change()
    assert file.read_text(encoding="utf-8") == '["a"\n'


def test_a_file_that_can_only_be_edited_by_hand_says_so(tmp_path):
    file = tmp_path / "funnels.toml"
    file.write_text('Search = { steps = ["a.b"] }\n', encoding="utf-8")
    assert set(read_funnels(file).funnels) == {"Search"}
    with pytest.raises(SavedFunnelsError, match="by hand"):
        delete_funnel(file, "Search")


def test_there_are_not_more_than_anybody_reads(path, monkeypatch):
    monkeypatch.setattr(saved_funnels, "MAX_FUNNELS", 1)
    save_funnel(path, SEARCH)
    save_funnel(path, SEARCH)
    with pytest.raises(SavedFunnelsError, match="delete one"):
        save_funnel(path, SavedFunnel("other", ("a",)))


@pytest.mark.parametrize("name", ["", " a", "a\nb", "x" * 81, "a\u2028b"])
def test_a_name_fits_on_one_line(name):
    with pytest.raises(SavedFunnelsError, match="name of 1 to 80"):
        SavedFunnel(name, ("a",))


def test_a_write_that_fails_leaves_the_former_file(path, monkeypatch):
    save_funnel(path, SEARCH)
    before = path.read_bytes()
    monkeypatch.setattr(
        os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "no space"))
    )
    with pytest.raises(OSError, match="no space"):
        save_funnel(path, SavedFunnel("other", ("a",)))
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
