"""Tools that are generators, of both kinds."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest
from opentelemetry import trace
from opentelemetry.trace import (
    StatusCode,
)

from cortex_otel import instrument_tool
from cortex_otel.instrument.state import state


class Refusal(Exception):
    pass


def current_span():
    return trace.get_current_span()


def is_nothing(span):
    return span is trace.INVALID_SPAN


def conversation(first):
    """Yields what it is sent; ends on None."""
    sent = yield first
    while sent is not None:
        try:
            sent = yield sent
        except KeyError as error:
            sent = yield error
    return "the end"


def test_a_generator_takes_what_it_is_sent_and_thrown(recorded):
    tool = instrument_tool(conversation)("hello")
    assert next(tool) == "hello"
    assert tool.send(1) == 1
    thrown = KeyError("x")
    assert tool.throw(thrown) is thrown
    assert tool.send(2) == 2
    assert recorded.spans == []
    with pytest.raises(StopIteration) as stopped:
        next(tool)
    assert stopped.value.value == "the end"
    span = recorded.span()
    assert "cortex.result" not in span.attributes
    assert span.status.status_code is StatusCode.UNSET


def test_yield_from_a_generator_gets_its_return_value(recorded):
    def outer():
        return (yield from instrument_tool(conversation)("hello"))

    tool = outer()
    next(tool)
    with pytest.raises(StopIteration) as stopped:
        tool.send(None)
    assert stopped.value.value == "the end"


@pytest.mark.parametrize("decorate", [lambda function: function, instrument_tool])
def test_closing_a_generator_cleans_up_once_and_at_once(recorded, decorate):
    cleaned = []

    @decorate
    def tool():
        try:
            yield 1
        finally:
            cleaned.append(True)

    for close in (lambda it: it.close(), lambda it: it.__del__ and None):
        running = tool()
        next(running)
        close(running)
        del running
        gc.collect()
    assert cleaned == [True, True]
    if decorate is instrument_tool:
        for span in recorded.spans:
            assert span.attributes["cortex.result"] == "cancelled"
            assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("decorate", [lambda function: function, instrument_tool])
def test_a_generator_that_answers_its_closing(recorded, decorate):
    @decorate
    def ignores():
        while True:
            try:
                yield 1
            except GeneratorExit:
                yield 2
                return

    @decorate
    def raises():
        try:
            yield 1
        finally:
            raise Refusal

    @decorate
    def goes_on():
        try:
            yield 1
        except GeneratorExit:
            yield 2

    running = ignores()
    next(running)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        running.close()
    running.close()
    running = raises()
    next(running)
    with pytest.raises(Refusal):
        running.close()
    running = goes_on()
    next(running)
    assert running.throw(GeneratorExit) == 2
    with pytest.raises(StopIteration):
        next(running)


def test_a_generator_that_was_never_started_is_no_call(recorded):
    instrument_tool(conversation)("hello").close()
    assert recorded.spans == []


@pytest.mark.parametrize("decorate", [lambda function: function, instrument_tool])
def test_a_generator_that_lets_stop_iteration_out(recorded, decorate):
    @decorate
    def tool():
        yield 1

    running = tool()
    next(running)
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        running.throw(StopIteration())


def test_an_exception_of_a_generator_is_the_same_object(recorded):
    refusal = Refusal()

    @instrument_tool
    def tool():
        yield 1
        raise refusal

    with pytest.raises(Refusal) as caught:
        list(tool())
    assert caught.value is refusal
    assert recorded.span().attributes["error.type"].endswith("Refusal")


def test_a_generators_span_is_current_in_the_tool_and_never_across_a_yield(recorded):
    inside = []

    @instrument_tool
    def tool():
        inside.append(current_span())
        yield 1
        inside.append(current_span())
        try:
            yield 2
        finally:
            inside.append(current_span())

    for _ in tool():
        assert is_nothing(current_span())
    assert is_nothing(current_span())
    assert {span.get_span_context().span_id for span in inside} == {recorded.span().context.span_id}


def test_two_generators_in_step_keep_their_spans_apart(recorded):
    @instrument_tool
    def tool():
        for _ in range(2):
            yield current_span().get_span_context().span_id

    pairs = list(zip(tool(), tool(), strict=True))
    assert pairs[0] == pairs[1]
    assert len(set(pairs[0])) == 2
    assert [span.parent for span in recorded.spans] == [None, None]


def test_a_generator_that_moves_between_threads(recorded):
    @instrument_tool
    def tool():
        yield 1
        yield 2

    running = tool()
    next(running)
    thread = threading.Thread(target=lambda: (next(running), running.close()))
    thread.start()
    thread.join()
    assert recorded.span().attributes["cortex.result"] == "cancelled"


async def async_conversation(first):
    sent = yield first
    while sent is not None:
        await asyncio.sleep(0)
        try:
            sent = yield sent
        except KeyError as error:
            sent = yield error


@pytest.mark.parametrize("active", [True, False])
async def test_an_async_generator_takes_what_it_is_sent_and_thrown(recorded, active):
    state.active = active
    tool = instrument_tool(async_conversation)("hello")
    assert await anext(tool) == "hello"
    assert await tool.asend(1) == 1
    thrown = KeyError("x")
    assert await tool.athrow(thrown) is thrown
    assert await tool.asend(2) == 2
    assert recorded.spans == []
    with pytest.raises(StopAsyncIteration):
        await anext(tool)
    if active:
        assert "cortex.result" not in recorded.span().attributes


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("decorate", [lambda function: function, instrument_tool])
async def test_closing_an_async_generator_awaits_its_cleaning_up(recorded, decorate, active):
    state.active = active
    cleaned = []

    @decorate
    async def tool():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    running = tool()
    await anext(running)
    await running.aclose()
    assert cleaned == [True]
    async for _ in tool():
        break  # abandoned: asyncio closes it when it is collected
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)
    assert cleaned == [True, True]
    if active and decorate is instrument_tool:
        assert [span.attributes["cortex.result"] for span in recorded.spans] == ["cancelled"] * 2


async def test_an_async_generators_span_is_never_current_across_a_yield(recorded):
    inside = []

    @instrument_tool
    async def tool():
        inside.append(current_span())
        yield 1
        await asyncio.sleep(0)
        inside.append(current_span())
        yield 2

    async for _ in tool():
        assert is_nothing(current_span())
    assert {span.get_span_context().span_id for span in inside} == {recorded.span().context.span_id}


async def test_an_exception_of_an_async_generator_is_the_same_object(recorded):
    refusal = Refusal()

    @instrument_tool
    async def tool():
        yield 1
        raise refusal

    with pytest.raises(Refusal) as caught:
        async for _ in tool():
            pass
    assert caught.value is refusal
    assert recorded.span().status.status_code is StatusCode.ERROR


async def test_an_async_generator_that_is_cancelled(recorded):
    @instrument_tool
    async def tool():
        yield 1
        await asyncio.sleep(60)

    async def consume():
        async for _ in tool():
            pass

    task = asyncio.create_task(consume())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert recorded.span().attributes["cortex.result"] == "cancelled"
