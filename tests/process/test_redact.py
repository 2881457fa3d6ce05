from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
import traceback
from collections import deque
from enum import IntEnum, StrEnum
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_otel.process import exceptions, patterns
from cortex_otel.process.allow_list import ALLOWED, EVENT_FIELDS, RESOURCE_ALLOWED
from cortex_otel.process.exceptions import summarize_exception, summarize_stacktrace
from cortex_otel.process.patterns import PATTERNS, machine_regex
from cortex_otel.process.redact import Redactor, scrub

ATTRIBUTES = Path(__file__).parents[2] / "docs" / "reference" / "attributes.md"
DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "redaction.md"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def user_digest(text: str) -> str:
    return digest("user:" + text)


def make(**options) -> Redactor:
    return Redactor(hash_text=digest, hash_user=user_digest, **options)


REDACTOR = make()
CAPTURING = make(capture_content=True)
# Put together here so that scanners of this repository don't take them for real ones.
SECRETS = {
    "e-mail": "joe.doe+x@mail.example.com",
    "percent e-mail": "joe%40example.com",
    "linux home": "/home/joedoe",
    "mac home": "/Users/joedoe",
    "windows home": "C:\\Users\\joedoe",
    "windows home uri": "file:///c%3A/Users/joedoe",
    "url credentials": "postgres://joedoe:hunter22@db",
    "bearer": "Bearer abcdefgh12345678",
    "basic": "Basic am9lOmh1bnRlcjI=",
    "openai": "sk-" + "proj-abcDEF123456abcDEF123456",
    "stripe": "pk_" + "live_abcDEF123456abcDEF",
    "github": "ghp_" + "a1B2" * 9,
    "github pat": "github_pat_" + "a1B2" * 9,
    "gitlab": "glpat-" + "a1B2" * 5,
    "slack": "xoxb-" + "123456789012-abcdef",
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "google": "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
    "npm": "npm_" + "a1B2" * 9,
    "hf": "hf_" + "a1B2" * 8,
    "pypi": "pypi-" + "AgEIcHlwaS5vcmc" + "a1B2" * 9,
    "jwt": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "pem": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----",
    "hex": "0123456789abcdef" * 3,  # not the length of an id
    "base64": "aB3/" * 10,
    "password": "password=hunter22",
    "json secret": '"api_key": "hunter two"',
    "aws secret": "AWS_SECRET_ACCESS_KEY=hunter22",
    "korean password": "비밀번호: hunter22",
    "ipv4": "192.168.10.20",
    "ipv6": "2001:db8::ff00:42:8329",
    "mac address": "00:1b:63:84:45:e6",
    "phone": "+82 10 1234 5678",
    "korean phone": "010-1234-5678",
    "us phone": "(415) 555-2671",
    "resident": "900101-1234567",
    "card": "4111 1111 1111 1111",
}
#: What must not be left of each secret: its longest words.
REMAINS = re.compile(r"joe|hunter|doe|a1B2|aB3|abcDEF|MII|IOSF|SyA1|12345|1111|5678|db8|1b:63|2671")


def leftovers(text: str) -> list[str]:
    return REMAINS.findall(text)


# --- scrub ------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize(
    "around", ["{}", "see {} here", "x={};", '{{"a":"{}"}}', "<{}>", "({})", "주소{}에서"]
)
def test_scrub_removes_a_secret_wherever_it_stands(secret, around):
    text = around.format(secret)
    clean = scrub(text)
    assert secret not in clean
    assert leftovers(clean) == []
    assert scrub(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "",
        "search_context",
        "tools/call search_context",
        "550e8400-e29b-41d4-a716-446655440000",
        "11111111-1111-1111-1111-111111111111",
        "2025-06-18",
        "2025-06-18T12:30:45",
        "opentelemetry.instrumentation.asgi@0.66b2",
        "python@3.11.4",
        "sqlite3.OperationalError",
        "std::vector",
        "task-switching-in-the-background",
        "https://example.com:8080/api/v1",
        "/project/root",
        "fastmcp/tools/call",
        "-32602",
    ],
)
def test_scrub_leaves_ordinary_identifiers(text):
    assert scrub(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/joe/src/a.py", "~/src/a.py"),
        ("C:\\Users\\Joe Doe\\src", "~\\src"),
        ("c:\\\\users\\\\joe\\\\src", "~\\\\src"),
        ("file:///Users/joe/a", "file://~/a"),
        ("/root/x", "~/x"),
        ("%2Fhome%2Fjoe", "~"),
        ("https://u:p@w@host/x", "https://[CREDENTIALS]@host/x"),
        ("mail joe@example.com now", "mail [EMAIL] now"),
        ("ssh joe@10.0.0.1", "ssh [EMAIL]"),
        ("Authorization: Bearer abc", "Authorization: [SECRET]"),
        ("refused by fe80::1: no", "refused by [IP] no"),
        ("joe\uff20example.com", "[EMAIL]"),
        ("joe\u200b@exa\u00admple.com", "[EMAIL]"),
        ("joe\x00@example.com", "[EMAIL]"),
    ],
)
def test_scrub_replaces(text, expected):
    assert scrub(text) == expected


def test_a_secret_divided_by_the_cut_goes_with_it():
    for padding in range(8192 - 40, 8192):
        assert "joe" not in scrub("x " * (padding // 2) + "joe.doe@example.com " + "y " * 5000)


def test_machine_names_are_whole_words_and_generic_ones_stay(monkeypatch):
    regex = machine_regex(["jdoe", "al", "root", "localhost", "search", "Joes-Mac.local"])
    assert regex.findall("jdoe JDOE_x xjdoe al root localhost search_context joes-mac.local") == [
        "jdoe",
        "JDOE",
        "joes-mac.local",
    ]
    assert machine_regex([]).search("anything") is None
    monkeypatch.setattr(patterns, "PATTERNS", (*PATTERNS[:-1], PATTERNS[-1]._replace(regex=regex)))
    assert scrub("by jdoe") == "by [MACHINE]"
    assert make().attributes({"cortex.ui.element": "jdoe"}).attributes == {
        "cortex.ui.element.hash": digest("jdoe")
    }


EVIL = [
    "a", "/", "\\", ":", "a@", "a.", "1 ", "0-", "+1", '"', '"a', "://", "://a:", "%40", "sk-",
    "eyJ", "secret ", "token:'", "basic ", "/home/", "\\users\\", "::", "1.1.", "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----END ", "<locals>", "\u200b", "\ufdfa", " <- A", "\n", "Traceback ",
]  # fmt: skip


def assert_grows_with_its_input(do, small, what=""):
    """A fourfold input takes some fourfold work, whatever else the machine does.

    Counted is the CPU time of this thread, the least of several times; what backtracks takes
    sixteenfold or more. Below a hundredth of a second nothing is said by the ratio: with inputs
    of this size, whatever isn't linear takes far more than that.
    """

    def least(text):
        found = []
        for _ in range(3):
            started = time.thread_time()
            do(text)
            found.append(time.thread_time() - started)
        return min(found)

    for _ in range(3):  # a machine that was slow in one of the two is asked again
        large = least(small * 4)
        if large < 0.01 or large < 8 * least(small):
            return
    raise AssertionError(f"more than linear: {what}")


@pytest.mark.parametrize("unit", EVIL)
def test_patterns_are_linear(unit):
    for pattern in PATTERNS:
        assert_grows_with_its_input(
            lambda text, pattern=pattern: deque(pattern.regex.finditer(text), 0),
            unit * (50_000 // len(unit)),
            pattern.name,
        )


def test_what_is_not_linear_is_seen():
    backtracks = re.compile("a*b")
    with pytest.raises(AssertionError, match="more than linear"):
        assert_grows_with_its_input(lambda text: deque(backtracks.finditer(text), 0), "a" * 2500)


@pytest.mark.parametrize("unit", EVIL)
def test_a_megabyte_in_every_place_is_quick_and_comes_out_small(unit):
    found = []

    def take(text):
        clean = make(allow=["ours.*"]).attributes(
            {**dict.fromkeys(ALLOWED, text), "ours.text": text, text: 1}
        )
        assert len(make().name(text)) <= 128
        assert len(make().error_type(text)) <= 128
        assert len(scrub(text)) <= 8192
        found[:] = clean.attributes, summarize_stacktrace(text, text)

    assert_grows_with_its_input(take, unit * (250_000 // len(unit)))
    take(unit * (1_000_000 // len(unit)))
    attributes, summary = found
    assert len(json.dumps(attributes)) < 16_000
    assert len(json.dumps(summary)) < 16_000


# --- attributes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("mcp.method.name", "tools/call", "tools/call"),
        ("mcp.session.id", "0af7651916cd43dd8448eb211c80319c", "0af7651916cd43dd8448eb211c80319c"),
        ("session.id", "550e8400-e29b-41d4-a716-446655440000", ...),
        ("jsonrpc.request.id", 7, 7),
        ("gen_ai.tool.name", "search context\n", "search context_"),
        ("gen_ai.tool.name", "joe@example.com", "_EMAIL_"),
        ("http.route", "/users/{id}", ...),
        ("error.type", "tool_error", ...),
        ("error.type", -32602, "-32602"),
        ("error.type", "no such file of joe", "_OTHER"),
        ("cortex.error.location", "A.B at tools:run:42 <- ExceptionGroup[3]", ...),
        ("cortex.tool.parameters", "query:str,token:str,*args:list[int]", ...),
        ("cortex.tool.parameters", "a:null, *:dict,...", ...),
        ("cortex.tool.parameters", "", ""),
        ("cortex.event.duration_ms", 1.5, 1.5),
        ("cortex.branch.automatic", True, True),
        ("user.hash", "a" * 64, "a" * 64),
        ("feature_flag.key", ("a", "b"), ["a", "b"]),
        ("cortex.search.results", [1, 2.5], [1, 2.5]),
        ("cortex.search.query.length", 12, 12),
        ("cortex.search.query.hash", "0123456789abcdef", "0123456789abcdef"),
        ("cortex.ide", "Visual Studio Code", ...),
    ],
)
def test_kept(key, value, expected):
    expected = value if expected is ... else expected
    assert REDACTOR.attributes({key: value}) == ({key: expected}, 0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("unknown", "x"),
        ("client.address", "10.0.0.1"),
        ("exception.message", "boom"),
        ("exception.stacktrace", "boom"),
        ("exception.type", "ValueError"),
        ("gen_ai.tool.call.arguments", "{}"),
        ("gen_ai.tool.call.result", "{}"),
        ("cortex.search.top_k", "5"),
        ("cortex.search.top_k", float("nan")),
        ("cortex.search.top_k", float("inf")),
        ("cortex.search.top_k", 10**30),
        ("cortex.search.top_k", None),
        ("cortex.branch.automatic", 1),
        ("cortex.branch.automatic", "yes"),
        ("user.hash", "joe"),
        ("user.hash", "A" * 64),
        ("cortex.search.query", {"a": 1}),
        ("mcp.method.name", b"tools/call"),
        ("mcp.method.name", {"a": "b"}),
        ("mcp.method.name", True),
        ("feature_flag.key", ["a", "joe@example.com"]),
        ("feature_flag.key", ["a"] * 17),
        ("feature_flag.key", [["a"]]),
        ("cortex.error.location", "John Smith failed"),
        ("cortex.error.location", "ValueError at /home/joe/x.py:run:1"),
        ("cortex.tool.parameters", "query='joe'"),
        ("cortex.tool.parameters", "password: joe"),
        ("cortex.tool.parameters", "password:joe,query:str"),
        ("cortex.tool.parameters", "phone:010-1234-5678"),
        ("cortex.tool.parameters", "a:int," * 100),
    ],
)
def test_removed_and_counted(key, value):
    assert REDACTOR.attributes({key: value}) == ({}, 1)


def test_a_token_that_is_none_is_hashed():
    for value in ("joe@example.com", "two words", "", "x" * 129, "김철수", "\ud800"):
        clean = REDACTOR.attributes({"cortex.ui.action": value})
        stored = value.encode("utf-8", "replace").decode()
        assert clean == ({"cortex.ui.action.hash": digest(stored)}, 0)


def test_text_becomes_length_and_hash():
    assert REDACTOR.attributes({"cortex.search.query": "비밀 joe"}) == (
        {"cortex.search.query.length": 6, "cortex.search.query.hash": digest("비밀 joe")},
        0,
    )


@pytest.mark.parametrize("key", ["user.id", "enduser.id"])
def test_user_ids_become_a_user_hash(key):
    assert REDACTOR.attributes({key: "joe"}).attributes == {"user.hash": user_digest("joe")}
    assert REDACTOR.attributes({key: 42}).attributes == {"user.hash": user_digest("42")}


def test_capture_keeps_text_beside_length_and_hash():
    clean = CAPTURING.attributes(
        {
            "cortex.search.query": "joe" * 10_000,
            "gen_ai.tool.call.arguments": '{"a": 1}',
            "exception.message": "boom \ud800",
            "exception.stacktrace": "boom",
            "user.id": "joe",
        }
    )
    assert clean.attributes["cortex.search.query"] == ("joe" * 10_000)[:8192]
    assert clean.attributes["cortex.search.query.length"] == 30_000
    assert clean.attributes["gen_ai.tool.call.arguments"] == '{"a": 1}'
    assert clean.attributes["exception.message"] == "boom ?"
    assert clean.attributes["user.hash"] == user_digest("joe")
    assert clean.removed == 1
    assert not clean.attributes.keys() & {"user.id", "exception.stacktrace"}


def test_an_operator_may_allow_more_but_loosen_nothing():
    redactor = make(allow=["my.key", "team.*", "*", ".*", "user.id", "gen_ai.*"])
    clean = redactor.attributes(
        {
            "my.key": "call joe@example.com " + "x " * 500,
            "team.size": 3,
            "team.names": ["a", "mail joe@example.com"],
            "team.joe@example.com": 1,
            "team." + "x" * 200: 1,
            "my.key.other": 1,
            "other": 1,
            "user.id": "joe",
            "gen_ai.tool.call.result": "joe",
            "my.bytes": b"",
        }
    )
    assert clean.attributes == {
        "my.key": ("call [EMAIL] " + "x " * 500)[:256],
        "team.size": 3,
        "team.names": ["a", "mail [EMAIL]"],
        "user.hash": user_digest("joe"),
    }
    assert clean.removed == 6


def test_no_code_of_the_host_runs():
    class Text(str):
        __slots__ = ()

        def __str__(self):
            raise AssertionError

        __repr__ = __len__ = __getitem__ = __str__

    class Colour(StrEnum):
        RED = "red"

    class Level(IntEnum):
        HIGH = 3

    class Opaque:
        def __str__(self):
            raise AssertionError

        __repr__ = __bool__ = __len__ = __str__

    clean = make(allow=["x"]).attributes(
        {
            "cortex.ui.action": Text("open"),
            "cortex.ui.element": Colour.RED,
            "cortex.search.top_k": Level.HIGH,
            "x": Opaque(),
            "cortex.search.query": Opaque(),
        }
    )
    assert clean.attributes == {
        "cortex.ui.action": "open",
        "cortex.ui.element": "red",
        "cortex.search.top_k": 3,
    }
    assert {type(value) for value in clean.attributes.values()} == {str, int}


# --- names, error types, resources ------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tools/call search_context", ...),
        ("GET /users/{id}", ...),
        ("", "_OTHER"),
        ("\x00\x01\n", "_OTHER"),
        ("검색", "_OTHER"),
        ("rm -rf; x", "rm -rf_ x"),
        ("/home/joe/tool", "_/tool"),
        ("joe\x00@example.com", "_EMAIL_"),
        ("y" * 500, "y" * 128),
    ],
)
def test_name(text, expected):
    assert REDACTOR.name(text) == (text if expected is ... else expected)


@pytest.mark.parametrize(
    "text", ["ValueError", "sqlite3.OperationalError", "-32602", "500", "timeout", "tool_error",
             "socket.timeout", "_OTHER", "mcp.shared.exceptions.McpError", "ENOENT"],
)  # fmt: skip
def test_error_type_keeps(text):
    assert REDACTOR.error_type(text) == text


@pytest.mark.parametrize(
    "text", ["", "joe", "john.smith", "no such file", "joe@example.com", "ValueError: x", "A" * 129,
             "-", "1.5", "..", "a..B", "12345678"],
)  # fmt: skip
def test_error_type_refuses(text):
    assert REDACTOR.error_type(text) == "_OTHER"


def test_error_type_drops_what_is_no_part_of_the_class():
    assert REDACTOR.error_type("builtins.KeyError") == "KeyError"
    assert REDACTOR.error_type("app.run.<locals>.AppError") == "app.run.AppError"


def test_resource():
    kept = {
        "service.name": "My Server",
        "service.version": "1.2.3",
        "telemetry.sdk.language": "python",
        "deployment.environment.name": "production",
        "os.type": "linux",
        "process.runtime.version": "3.11.9",
    }
    dropped = {
        "service.instance.id": "1", "service.owner": "joe", "host.name": "joes-mac",
        "process.pid": 1, "process.command": "x", "process.owner": "joe", "os.description": "x",
        "service.namespace": 3, "telemetry.sdk.name": "joe@example.com",
    }  # fmt: skip
    assert REDACTOR.resource({**kept, **dropped}) == kept


# --- exceptions -------------------------------------------------------------------------------


def load():
    raise KeyError("joe@example.com")


def run(how):
    try:
        load()
    except KeyError as error:
        if how == "cause":
            raise RuntimeError("joe") from error
        if how == "suppressed":
            raise RuntimeError("joe") from None
        if how == "context":
            raise RuntimeError("joe\n\nTraceback\njoe: x")  # noqa: B904 - the context is the point


def caught(function, *arguments) -> BaseException:
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - any
        function(*arguments)
    return raised.value


@pytest.mark.parametrize("how", ["cause", "context", "suppressed"])
def test_live_and_printed_exceptions_are_summarized_alike(how):
    error = caught(run, how)
    summary = summarize_exception(error)
    printed = "".join(traceback.format_exception(error))
    assert summarize_stacktrace("RuntimeError", printed) == summary
    places = r"RuntimeError at test_redact:run:\d+"
    if how != "suppressed":
        places += r" <- KeyError at test_redact:load:\d+"
    assert re.fullmatch(places, summary.message)
    assert summary.error_type == "RuntimeError"
    assert summary.frames[-1].startswith("test_redact:run:")
    assert "joe" not in json.dumps(summary)
    assert REDACTOR.attributes({"cortex.error.location": summary.message}).removed == 0


def test_groups_say_how_many():
    def both():
        raise ExceptionGroup("joe", [ValueError("joe"), KeyError("joe")])

    error = caught(both)
    summary = summarize_exception(error)
    assert summary.error_type == "ExceptionGroup"
    assert re.fullmatch(r"ExceptionGroup\[2\] at test_redact:both:\d+", summary.message)
    printed = "".join(traceback.format_exception(error))
    assert summarize_stacktrace("ExceptionGroup", printed) == summary


def test_chains_end_and_nothing_of_the_exception_runs():
    class HostileError(Exception):
        def __str__(self):
            raise AssertionError

        __repr__ = __bool__ = __len__ = __str__

    first, second = HostileError(HostileError()), HostileError()
    first.__cause__, second.__cause__ = second, first
    name = "test_redact.test_chains_end_and_nothing_of_the_exception_runs.HostileError"
    name = f"{__name__.rpartition('.')[0]}.{name}".lstrip(".")
    assert summarize_exception(first) == (name, f"{name} <- {name}", ())
    errors = [ValueError() for _ in range(9)]
    for outer, inner in pairwise(errors):
        outer.__cause__ = inner
    assert summarize_exception(errors[0]).message == " <- ".join(["ValueError"] * 5)


def test_of_an_exception_that_is_raised_again_and_again_a_bounded_part_is_read(monkeypatch):
    once = LookupError()
    for _ in range(5000):
        with contextlib.suppress(LookupError):
            raise once
    read = []
    monkeypatch.setattr(exceptions, "deque", lambda **_: read)
    summarize_exception(once)
    assert len(read) == 1000


def test_the_innermost_twenty_frames_are_kept():
    def deep(level):
        if not level:
            load()
        deep(level - 1)

    frames = summarize_exception(caught(deep, 50)).frames
    assert len(frames) == 20
    assert frames[-1].startswith("test_redact:load:")


@pytest.mark.parametrize("name", ["joe@example.com", "my secret error", "", "x" * 300])
def test_a_class_with_no_proper_name_is_an_exception(name):
    kind = type(name or "X", (Exception,), {"__module__": "a b" if not name else "app"})
    assert summarize_exception(kind()).error_type == "Exception"
    assert summarize_stacktrace(name, "").error_type == "Exception"


def test_places_hold_no_directory_and_no_text():
    summary = summarize_stacktrace(
        "ValueError",
        "Traceback (most recent call last):\n"
        '  File "/home/joe/app.py", line 3, in run\n    password = "hunter22"\n'
        '  File "C:\\Users\\joe\\joe@example.com", line 4, in the secret of joe@example.com\n'
        '  File "<string>", line 5, in <module>\n'
        "ValueError: joe\n"
        '  File "/home/joe/late.py", line 9, in late\n',
    )
    assert summary.frames == ("app:run:3", "_:_:4", "<string>:<module>:5")
    assert summary.message == "ValueError at <string>:<module>:5"


def test_javascript_stacks():
    summary = summarize_stacktrace(
        "TypeError",
        "TypeError: joe is not a function\n"
        "    at Foo.bar (/home/joe/ext/out/main.js:10:5)\n"
        "    at async run (file:///C:/Users/joe/y.mjs:7:8)\n"
        "    at async /home/joe/x.ts:3:4\n",
    )
    assert summary.frames == ("x:<anonymous>:3", "y:run:7", "main:Foo.bar:10")
    assert summary.message == "TypeError at main:Foo.bar:10"


# --- properties -------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)
keys = st.sampled_from([*ALLOWED, "ours.a", "unknown"]) | st.text()


@pytest.mark.thorough
@settings(max_examples=300, deadline=None)
@given(st.dictionaries(keys, values))
def test_output_is_json_and_stable(attributes):
    for redactor in (REDACTOR, CAPTURING, make(allow=["ours.*"])):
        clean = redactor.attributes(attributes)
        json.dumps(clean.attributes, allow_nan=False).encode()
        assert 0 <= clean.removed <= len(attributes)
        again = redactor.attributes(clean.attributes)
        assert again.removed == 0
        if redactor is REDACTOR:
            assert again == (clean.attributes, 0)


@pytest.mark.parametrize(
    ("attributes", "feature"),
    [
        ({"cortex.ui.action": "accept", "cortex.ui.element": "ghost"}, "accept ghost"),
        (
            {"cortex.ui.action": "accept", "cortex.ui.element": "call me tonight"},
            f"accept {digest('call me tonight')}",
        ),
        ({"cortex.ontology.category": "bugfix"}, "bugfix"),
        ({"cortex.ontology.category": "Jane Roe"}, digest("Jane Roe")),
        ({"cortex.code.language": "a secret plan"}, digest("a secret plan")),
        ({"cortex.ide": "Visual Studio Code"}, "Visual Studio Code"),
        ({"cortex.ide": "what jane uses"}, digest("what jane uses")),
        ({"gen_ai.tool.name": "my tool"}, "my tool"),
        ({"ours": "said by jane"}, digest("said by jane")),
    ],
)
def test_a_feature_is_made_of_what_is_kept_of_its_words(attributes, feature):
    told = {"cortex.feature": " ".join(attributes.values()), **attributes}
    clean = REDACTOR.attributes(told).attributes
    assert clean["cortex.feature"] == feature
    assert REDACTOR.attributes(clean).attributes == clean


@pytest.mark.parametrize("key", [key for key, kind in ALLOWED.items() if kind == "label"])
def test_a_label_of_many_words_is_hashed(key):
    for name in ("jane has a cold", "Jane Roe Has A Bad Cold", "jane\tis", "제인"):
        assert REDACTOR.attributes({key: name}).attributes == {f"{key}.hash": digest(name)}
    for name in ("load", "<lambda>", "items/{id}", "Visual Studio Code - Insiders"):
        assert REDACTOR.attributes({key: name}).attributes == {key: name}


def test_a_prompt_that_the_server_told_of_keeps_its_name():
    redactor = make(is_own_prompt={"greet somebody nicely": True}.get)
    told = {"gen_ai.prompt.name": "greet somebody nicely"}
    assert redactor.attributes(told).attributes == told
    assert redactor.attributes(
        {"cortex.client.name": "greet somebody nicely"}
    ).attributes.keys() == {"cortex.client.name.hash"}


noise = st.text(" \t\n.,;!?()[]{}<>|*#~^_'\"@/\\\\&=:+-%$\x00\u200b가é", max_size=8)


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from([*SECRETS.values()]), noise, noise, st.sampled_from([*ALLOWED]))
def test_a_planted_secret_never_survives(secret, before, after, key):
    text = f"{before}{secret}{after}"
    redactor = make(allow=["ours", "ours.*"])
    clean = redactor.attributes({key: text, "ours": text, text: text, f"ours.{text}": 1})
    summary = summarize_stacktrace(text, f'  File "/a/{text}/m.py", line 3, in {text}\n{text}')
    outputs = [
        value
        for name, value in clean.attributes.items()
        if not (name.endswith(".hash") or (name == "cortex.feature" and value == digest(text)))
    ]
    outputs += [*clean.attributes, redactor.name(text), redactor.error_type(text), *summary]
    outputs += redactor.resource(dict.fromkeys(RESOURCE_ALLOWED, text)).values()
    assert leftovers(json.dumps(outputs)) == []


@settings(max_examples=500, deadline=None)
@given(st.text() | st.sampled_from([*SECRETS.values()]))
def test_names_are_clean_and_stable(text):
    name = REDACTOR.name(text)
    assert 0 < len(name) <= 128
    assert name.isascii()
    assert scrub(name) == name == REDACTOR.name(name)


# --- reference --------------------------------------------------------------------------------


def table(title):
    section = DOCUMENT.read_text("utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][2:]
    return [[cell.strip().strip("`") for cell in row.strip("|").split(" | ")] for row in rows]


def test_the_reference_says_how_each_kind_is_kept():
    assert set(ALLOWED.values()) == {kind for kind, _ in table("How a value is kept")}


def test_the_reference_lists_every_attribute_as_it_is_kept():
    rows = re.findall(r"^\| `(.+?)` \| (\w+) \|", ATTRIBUTES.read_text("utf-8"), re.MULTILINE)
    assert dict(rows).items() >= ALLOWED.items() | RESOURCE_ALLOWED.items()


def test_the_reference_lists_every_pattern():
    assert table("Patterns") == [[p.name, p.catches, p.replacement] for p in PATTERNS]


def test_the_reference_names_every_resource_attribute():
    text = DOCUMENT.read_text("utf-8")
    for key in RESOURCE_ALLOWED:
        assert f"`{key}`" in text or f"`{key.rpartition('.')[0]}.*`" in text


def test_event_fields_are_allowed_as_they_are_listed():
    assert EVENT_FIELDS.items() <= ALLOWED.items()
