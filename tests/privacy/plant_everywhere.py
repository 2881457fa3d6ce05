"""A host that puts canaries wherever an OpenTelemetry program can put text."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from pathlib import Path

sys.path.insert(0, os.environ["CANARIES"])
from canaries import PLACES, SECRETS, TEXTS, canary

import cortex_otel
from cortex_otel import events

PLANTED = []


def plant(slot, shapes=TEXTS):
    """The canaries of a slot, one by one, noted for the hunt."""
    for shape in shapes:
        PLANTED.append((slot, shape))
        yield canary(slot, shape)


class Leaky(Exception):
    """Tells a secret however it is asked."""

    def __init__(self, secret):
        super().__init__(secret, {"secret": secret})
        self.secret = self.filename = self.strerror = self.doc = self.object = secret

    def __str__(self):
        return self.secret

    __repr__ = __str__


class Raising(Exception):
    """Can't be printed."""

    def __str__(self):
        raise RuntimeError(*self.args)

    __repr__ = __str__


def configure():
    def provider():
        raise Leaky(next(plant("identity provider", ["sentence"])))

    cortex_otel.configure(
        service="mcp",
        identity_provider=provider,
        user_hash_key=next(plant("user hash key", ["plain"])),
        user_id=next(plant("user id", ["e-mail"])),
    )
    cortex_otel.set_identity_provider(None)


@cortex_otel.instrument_tool
def echo(value=None, other=None, *rest, **more):
    secret = value  # a local of the frame
    return {"echoed": secret}


@cortex_otel.instrument_tool
async def echo_later(value):
    return [value]


@cortex_otel.instrument_tool
def fail(how, secret):
    local = secret
    how(local)


def tools():
    from pydantic import BaseModel

    class Model(BaseModel):
        text: str

    for text in plant("argument"):
        echo(text)
        echo(value={"key": text, text: [text]}, other=[text, (text,), {text}])
        echo(text.encode("utf-8", "replace"), text, text, **{text.strip(): text})
        echo(Model(text=text))
        asyncio.run(echo_later(text))


def simple(kind):
    def how(secret):
        raise kind(secret)

    return how


def chained(secret):
    try:
        raise ValueError(secret)
    except ValueError as error:
        raise KeyError(secret) from error


def in_context(secret):
    try:
        raise ValueError(secret)
    except ValueError:
        {}[secret]


def group(secret):
    raise ExceptionGroup(secret, [ValueError(secret), ExceptionGroup(secret, [Leaky(secret)])])


def noted(secret):
    error = RuntimeError(secret)
    error.add_note(secret)
    raise error


def validated(secret):
    from pydantic import BaseModel

    class Model(BaseModel):
        number: int

    Model(number=secret)


def opened(secret):
    Path(f"/nowhere/{secret}").read_text()


def decoded(secret):
    json.loads("{" + secret)


def named(secret):
    raise type(secret.replace("\0", ""), (Exception,), {"__module__": secret})(secret)


def compiled(secret):
    exec(compile("1 / 0", f"{secret}.py", "exec"), {"__name__": secret})


def timed_out(secret):
    raise TimeoutError(secret)


def cancelled(secret):
    raise asyncio.CancelledError(secret)


EVERY_WAY = [
    simple(ValueError), simple(Leaky), simple(Raising), simple(OSError), chained, in_context, group,
    noted, validated, opened, decoded, timed_out, cancelled,
]  # fmt: skip


def failures():
    from opentelemetry import trace

    tracer = trace.get_tracer("native")
    for index, how in enumerate(EVERY_WAY):
        for text in plant(f"exception {index} {how.__name__}"):
            with contextlib.suppress(BaseException):
                fail(how, text)
            with (
                contextlib.suppress(BaseException),
                tracer.start_as_current_span("native"),
            ):
                how(text)
            with contextlib.suppress(BaseException), events.search_context(query=text):
                how(text)
            try:
                how(text)
            except BaseException as error:  # noqa: BLE001
                with contextlib.suppress(RuntimeError):  # the SDK asks for its text
                    emit(event_name="native.failure", exception=error)
                events.search_context(query="q", error=error)
    for how in (named, compiled):  # names: what looks like one can't be told from one
        for text in plant(f"exception {how.__name__}", SECRETS):
            with contextlib.suppress(Exception):
                fail(how, text)


def emit(**fields):
    from opentelemetry._logs import get_logger

    get_logger("native").emit(**fields)


def spans():
    from opentelemetry import baggage, context, trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceState

    from cortex_otel.process.allow_list import ALLOWED

    tracer = trace.get_tracer("native")
    for text in plant("span"):
        token = context.attach(baggage.set_baggage("user", text))
        state = TraceState([("vendor", text)]) if text.isascii() and text.isprintable() else None
        link = Link(SpanContext(1, 2, is_remote=True, trace_state=state), {"why": text})
        remote = trace.NonRecordingSpan(SpanContext(5, 6, is_remote=True, trace_state=state))
        with tracer.start_as_current_span(
            "work", trace.set_span_in_context(remote), links=[link], attributes={"unknown": text}
        ) as span:
            span.set_attribute("gen_ai.tool.call.arguments", text)
            span.set_attribute("gen_ai.prompt", [text, text])
            span.set_attribute("enduser.name", text.encode("utf-8", "replace"))
            span.add_event("said", {"text": text, "exception.message": text})
            span.set_status(Status(StatusCode.ERROR, text))
        with tracer.start_as_current_span("event") as span:
            span.add_event(
                "exception",
                {"exception.type": text, "exception.message": text,
                 "exception.stacktrace": f"{text}\nTraceback (most recent call last):\n"
                 f'  File "/srv/{text}/x.py", line 3, in f\n    g("{text}")\nValueError: {text}\n'},
            )  # fmt: skip
            span.set_status(StatusCode.ERROR, text)
        context.detach(token)
    texts = {key for key, kind in ALLOWED.items() if kind in ("text", "content", "shape",
             "location", "digest", "number", "flag")}  # fmt: skip
    for text in plant("known key with free text"):
        tracer.start_span("work", attributes=dict.fromkeys(texts, text)).end()
    for text in plant("known key with a secret", [*SECRETS, *PLACES]):
        with_all = {
            key: text for key, kind in ALLOWED.items() if kind != "user" and key != "http.route"
        }
        for kind in SpanKind:
            tracer.start_span("tools/call x", kind=kind, attributes=with_all).end()
            method = {**with_all, "mcp.method.name": "tools/call"}
            tracer.start_span(f"tools/call {text}", kind=kind, attributes=method).end()
        tracer.start_span("lists", attributes={key: [text] for key in with_all}).end()
        emit(event_name="mcp.search_context", attributes=with_all)
    for text in plant("user attribute", ["sentence", "e-mail"]):
        tracer.start_span("work", attributes={"user.id": text, "enduser.id": text}).end()
    for text in plant("id that is a path", ["other path", "home path", "e-mail", "user at host"]):
        ids = {"cortex.project.id": text, "cortex.branch.id": text}
        tracer.start_span("work", attributes=ids).end()
        emit(event_name="mcp.search_context", attributes=ids)
    for text in plant("name of a span", [*SECRETS, *PLACES]):
        for name in (text, f"GET {text}", f"resources/read {text}", f"GET {text} http send"):
            tracer.start_span(name).end()
    for text in plant("target of a method"):
        name = {"mcp.method.name": "custom/do"}
        tracer.start_span(f"custom/do {text}", kind=SpanKind.SERVER, attributes=name).end()
    for text in plant("key"):
        tracer.start_span("work", attributes={text: 1, f"x.{text}": "y", f"mcp.{text}": 2}).end()
    for text in plant("scope", SECRETS):
        scoped = trace.get_tracer(text, text, schema_url=f"https://{text}", attributes={text: text})
        scoped.start_span("work").end()
    for text in plant("scope attributes"):
        attributes = {"who": text, text: text}
        url = f"https://x/{text}"
        trace.get_tracer("s", "1", schema_url=url, attributes=attributes).start_span("work").end()
    assert isinstance(trace.get_tracer_provider(), TracerProvider)


def names_that_are_sentences():
    from opentelemetry import trace

    from cortex_otel.process.allow_list import ALLOWED

    names = [key for key, kind in ALLOWED.items() if kind in ("label", "feature")]
    for text in plant("name that is a sentence", [*SECRETS, "sentence", "quotes"]):
        trace.get_tracer("native").start_span("work", attributes=dict.fromkeys(names, text)).end()
        emit(event_name="mcp.search_context", attributes=dict.fromkeys(names, text))


def logs():
    from opentelemetry._logs import SeverityNumber, get_logger
    from opentelemetry.sdk._logs import LoggingHandler

    for text in plant("log"):
        emit(body=text, attributes={"text": text, text: text, "nested": {"text": [text]}})
        emit(body={"message": text, text: [text]}, severity_text=text,
             severity_number=SeverityNumber.ERROR)  # fmt: skip
        emit(body=[text], event_name="native.event", attributes={"exception.message": text,
             "exception.type": "ValueError", "exception.stacktrace": text})  # fmt: skip
        emit(body=text.encode("utf-8", "replace"), event_name="mcp.search_context")
    for text in plant("name of a log event", SECRETS):
        emit(event_name=text)
        get_logger(text, text).emit(body="x")
    handler = LoggingHandler()
    logger = logging.getLogger("native.logger")
    logger.propagate = False
    logger.addHandler(handler)
    for text in plant("logging"):
        logger.warning("said %s", text, extra={"text": text})
        try:
            raise ValueError(text)
        except ValueError:
            logger.exception(text)


def typed_events():
    for text in plant("typed event"):
        events.tool_call(tool_name="t", parameters={"a": text}, error=text)
        events.branch_create(topic=text)
        events.search_context(query=text, duration_ms=1, error=text)
        with events.search_context(query=text):
            pass
        events.activate(ide="vscode", project_path=text)
        events.context_switch(from_branch=text, to_branch=text, file_path=text)
        events.extension_error(
            error_type=text, message=text, stack=f"Error: {text}\n    at f (/srv/{text}:1:2)"
        )
        with events.search_context(query="q") as event:
            event.set(results=text, **{text: text})
    for text in plant("word of a typed event", [*SECRETS, "sentence", "quotes"]):
        events.ontology_classify(category=text)
        with events.ontology_classify(category=text):
            pass
        events.ui_interaction(action=text, element="x")
        events.ui_interaction(action="click", element=text)
        events.code_insert(language=text)
        events.install(ide=text)
        events.activate(ide=text)
    for text in plant("label of a typed event", SECRETS):
        events.tool_call(tool_name=text, parameters={text: 1})
        events.ontology_classify(category=text)
        events.install(ide=text, version=text)
        events.ui_interaction(action=text, element=text)
        events.code_insert(language=text, lines=3)
        events.feature_flag(text, text)


def metrics():
    from opentelemetry.metrics import get_meter

    for text in plant("metric"):
        counter = get_meter("native", "1", attributes={"who": text}).create_counter(
            "native.count", unit="1", description=text
        )
        counter.add(1, {"unknown": text, "gen_ai.tool.call.arguments": text, text: 1})
    for text in plant("metric's known attribute", SECRETS):
        get_meter(text, text).create_histogram("native.duration").record(
            1.0, {"gen_ai.tool.name": text, "error.type": text, "cortex.service": text,
                  "cortex.user.tier": text, "mcp.method.name": text}
        )  # fmt: skip


def identities():
    from cortex_otel import identity

    # Every one is another provider: what it says is asked for at once.
    for text in plant("identity that is a path", [*PLACES, *SECRETS, "user at host"]):
        for answer in (
            {"user_id": text, "tier": text, "project_id": text, "branch_id": text},
            cortex_otel.Identity(user_hash=text, project_id=Path(text.replace("\0", ""))),
            text, [text], {"user_id": [text], "tier": {text}},
        ):  # fmt: skip
            cortex_otel.set_identity_provider(lambda answer=answer: answer)
            echo(1)
            emit(event_name="mcp.search_context", attributes={})
    for text in plant("identity provider that raises"):

        def provider(text=text):
            raise Leaky(text)

        cortex_otel.set_identity_provider(provider)
        echo(1)
    assert identity.current().tier == "free"
    cortex_otel.set_identity_provider(None)


def again():
    """A second configure() with what makes no sense."""
    for text in plant("setting", ["plain"]):
        for wrong in ({"user_hash_key": text.encode()}, {"user_hash_keys": text}):
            try:
                cortex_otel.configure(**wrong)
            except cortex_otel.SettingError as error:
                sys.stderr.write(f"{error}\n")  # as a host would


def main():
    # What the host's own libraries say on stderr is theirs; what ours say is looked at.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    configure()
    tools()
    failures()
    spans()
    names_that_are_sentences()
    logs()
    typed_events()
    metrics()
    identities()
    again()
    assert cortex_otel.force_flush(120_000)
    Path(os.environ["PLANTED"]).write_text(json.dumps(PLANTED))
    if "--linger" in sys.argv:
        os._exit(0)  # the log of the database stays beside it


main()
