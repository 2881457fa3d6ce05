"""Annotations and other attributes of a host's function that may raise when inspected."""

# No `from __future__ import annotations`: it would make text of what is tested here.

import functools
import inspect
import sys
import typing

import pytest

from cortex_otel import guard, instrument_tool
from cortex_otel.instrument.call import ToolInfo

late = pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are evaluated at once")


def shape_of(recorded):
    return recorded.span().attributes["cortex.tool.parameters"]


def defined(source, name="tool"):
    """What ``source`` defines, as a module of a host would."""
    names = {"instrument_tool": instrument_tool, "typing": typing}
    exec(compile(source, "host", "exec"), names)
    return names[name]


@late
@pytest.mark.parametrize(
    "annotations",
    [
        "query: Later, top_k: int = 5) -> Answer",
        "query: typing.Annotated[Later, Later.default()], top_k: 1 / 0 = 5) -> later()",
        "query: list[Later] | None, top_k: [x for x in Later] = 5)",
    ],
)
def test_what_an_annotation_names_need_not_exist(recorded, annotations):
    tool = defined(f"@instrument_tool\ndef tool({annotations}: return query\n")
    assert tool("q", top_k=3) == "q"
    assert shape_of(recorded) == "query:str,top_k:int"


@late
def test_nothing_of_an_annotation_is_run():
    source = """
ran = []
def note(): ran.append(1)
class Tools:
    @instrument_tool
    async def method(self, query: note()): ...
    @instrument_tool
    @classmethod
    def class_method(cls, query: note()): ...
    @instrument_tool
    @staticmethod
    def static_method(query: note()): yield 1
"""
    assert defined(source, "ran") == []


@late
def test_a_name_defined_later_is_there_for_the_server():
    source = "@instrument_tool\ndef tool(query: Later) -> Later: return query\nclass Later: pass\n"
    hints = typing.get_type_hints(defined(source))
    assert [hint.__name__ for hint in hints.values()] == ["Later", "Later"]


def test_annotations_set_by_hand_stay():
    def tool(query: str) -> str:
        return query

    tool.__annotations__ = {"query": int, "return": bytes}
    wrapped = instrument_tool(tool)
    assert typing.get_type_hints(wrapped) == {"query": int, "return": bytes}
    assert inspect.signature(wrapped) == inspect.signature(tool)


def test_a_signature_that_raises(recorded):
    def tool(query, top_k=5):
        return query

    class Signature:
        @property
        def parameters(self):
            raise RuntimeError

    tool.__signature__ = Signature()
    assert instrument_tool(tool)("q") == "q"
    assert shape_of(recorded) == ""


def test_the_names_of_parameters_are_those_of_the_signature():
    def wraps(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    class Tools:
        def method(self, a, /, b, *rest, c, d=1, **more): ...

    def few(a, *, b): ...
    def none(): ...
    def local(a, *rest):
        b = a
        return b, rest

    chosen = wraps(few)
    chosen.__signature__ = inspect.Signature(
        [inspect.Parameter("other", inspect.Parameter.KEYWORD_ONLY)]
    )
    for function in (Tools.method, Tools().method, few, none, local, wraps(few), chosen, len):
        names = list(inspect.signature(function).parameters)
        assert ToolInfo(function, None)._parameters == names


@pytest.mark.parametrize("attribute", ["__name__", "name", "__wrapped__"])
def test_an_object_that_raises_when_inspected_is_returned(attribute):
    class Odd:
        def __getattribute__(self, name):
            if name == attribute:
                raise RuntimeError
            return object.__getattribute__(self, name)

        def __call__(self):
            return 1

    guard.rethrow_in_tests(enabled=False)
    odd = Odd()
    assert instrument_tool(odd) is odd
    assert instrument_tool(functools.partial(odd))() == 1
