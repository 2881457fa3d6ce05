"""The API's global providers, and the moment when the host sets its own in place of ours."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import trace
from opentelemetry._logs import _internal as logs
from opentelemetry.metrics import _internal as metrics

from cortex_otel import guard
from cortex_otel.instrument.patches import Patches
from cortex_otel.span.internals import MissingPartError, part, scope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

__all__ = ["LOGS", "METRICS", "TRACES", "HandedOn", "HandsOn", "Joint", "Slot", "lead_on", "within"]

#: How libraries whose provider stands before one of the SDK's exchange the latter.
_SETTERS: Final = ("set_provider", "set_meter_provider")


_handing_on: ContextVar[frozenset[tuple[int, str]]] = ContextVar(
    "cortex_otel_handing_on", default=frozenset()
)


class Slot(NamedTuple):
    """Where the API keeps one signal's global provider."""

    signal: str
    module: ModuleType
    provider: str
    once: str
    get: Callable[[], Any]
    set: Callable[[Any], None]

    @property
    def current(self) -> Any:
        """What is set; ``None`` if nothing is."""
        return part(self.module, self.provider)


TRACES: Final = Slot(
    "traces", trace, "_TRACER_PROVIDER", "_TRACER_PROVIDER_SET_ONCE", trace.get_tracer_provider,
    trace.set_tracer_provider,
)  # fmt: skip
LOGS: Final = Slot(
    "logs", logs, "_LOGGER_PROVIDER", "_LOGGER_PROVIDER_SET_ONCE", logs.get_logger_provider,
    logs.set_logger_provider,
)  # fmt: skip
METRICS: Final = Slot(
    "metrics", metrics, "_METER_PROVIDER", "_METER_PROVIDER_SET_ONCE", metrics.get_meter_provider,
    metrics.set_meter_provider,
)  # fmt: skip


class _OnceMore:
    """Lets the host set its provider, although ours is set; after that, once is once again.

    It stands where the API has its own, so whichever way the setter was imported leads here.
    """

    def __init__(self, slot: Slot, ours: Any, follow: Callable[[Any], None]) -> None:
        self._lock = threading.Lock()
        self._done = True
        self._slot = slot
        self._ours = ours
        self._follow = follow

    def is_for(self, provider: Any) -> bool:
        """Whether ``provider`` is ours: of a joint that has left, or there would be no other."""
        return provider is self._ours

    def do_once(self, func: Callable[[], None]) -> bool:
        with self._lock:
            if self._done and self._slot.current is not self._ours:
                return False
            func()
            self._done = True
            provider = self._slot.current
        if provider is self._ours:
            return False  # nothing has changed, as the API would say
        self._follow(provider)
        return True


class Joint(ABC):
    """One signal's provider, ours or the host's, and our part in it.

    Args:
        slot: of the signal.
        make: our own provider; called only where it is needed.
    """

    slot: Slot
    #: A class of the SDK's provider.
    sdk: type

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._own: Any = None
        self._joined: list[Any] = []
        self._patches = Patches()
        self._watched = self._has_left = False
        self.how = "own"
        """``own``, ``joined``, ``mirrored`` or ``apart``."""

    @property
    def own(self) -> Any:
        """Our own provider; made when it is first asked for."""
        if self._own is None:
            self._own = self._make()
            self._equip_own(self._own)
        return self._own

    @property
    def to_close(self) -> list[Any]:
        """Our providers, to be shut down with us."""
        return [] if self._own is None else [self._own]

    @property
    def note(self) -> str:
        """For the heartbeat: ``provider:joined traces``; ``cortex-otel status`` has the words."""
        return f"provider:{self.how} {self.slot.signal}"

    def set_up(self) -> Any:
        """Join the provider that is set, or set ours.

        Returns:
            What our own instruments are to be got from.
        """
        self.slot.get()  # OTEL_PYTHON_…_PROVIDER may name one
        try:
            return self._set_up()
        except MissingPartError as error:
            guard.swallowed(f"providers.{self.slot.signal}.slot", error)
        # One of ours could not make way for the host's, so it doesn't become the global one.
        theirs = self.slot.get()
        if within(theirs, self.sdk) is None:
            self.how = "apart"
        else:
            self._follow(theirs)
        return self.own if self.how == "apart" else theirs

    def _set_up(self) -> Any:
        theirs = self.slot.current
        once = part(self.slot.module, self.slot.once)
        if theirs is None or (isinstance(once, _OnceMore) and once.is_for(theirs)):
            self.slot.set(self.own)
            theirs = self.slot.current
        if theirs is not self._own:
            self._follow(theirs)
            return self.own if self.how == "apart" else theirs
        once = _OnceMore(self.slot, self.own, self._follow)
        setattr(self.slot.module, self.slot.once, once)
        return self.own

    def leave(self) -> None:
        """Take our part out of the host's provider.

        Ours, if it is the global one, stays, and still makes way for the host's.
        """
        self._has_left = True
        self._patches.restore()
        joined, self._joined = self._joined, []
        for provider in joined:
            try:
                self._leave(provider)
            except Exception as error:  # noqa: BLE001 - at exit, or in the host's own call
                guard.swallowed(f"providers.{self.slot.signal}.leave", error)

    def _follow(self, provider: Any) -> None:
        """The host's ``provider`` is the global one now."""
        try:
            self.how = "joined" if self._has_left else self._join(provider)
        except Exception as error:  # noqa: BLE001 - the host's call
            guard.swallowed(f"providers.{self.slot.signal}", error)
            self.how = "apart"
        kind, signal = type(provider).__name__, self.slot.signal
        if self.how == "apart":
            guard.warn_once(
                f"provider {signal}",
                "%s is of a make that cortex-otel can't join: its %s are not in the local store",
                kind, signal,
            )  # fmt: skip
        elif self._own is not None:
            try:
                self._hand_over(self._own, provider)
            except Exception as error:  # noqa: BLE001 - the host's call
                guard.swallowed(f"providers.{signal}.hand_over", error)
                guard.warn_once(
                    f"hand over {signal}",
                    "what was got before %s was set can't lead to it: its %s are in the local "
                    "store alone", kind, signal,
                )  # fmt: skip

    def _join(self, provider: Any) -> str:
        """Put our part into ``provider``; how that could be done."""
        sdk = within(provider, self.sdk)
        if sdk is None:
            return self._join_foreign(provider)
        if all(sdk is not known for known in self._joined):
            self._equip(sdk)
            self._joined.append(sdk)
        if sdk is not provider:
            self._watch(provider)
        return "joined"

    def _watch(self, provider: Any) -> None:
        """Join again whatever ``provider``, that stands before an SDK's, stands before later."""

        def rejoin(original: Any) -> Any:
            def set_provider(this: Any, *args: Any, **kwargs: Any) -> Any:
                result = original(this, *args, **kwargs)
                if this is provider:
                    try:
                        self._join(provider)
                    except Exception as error:  # noqa: BLE001 - the host's call
                        guard.swallowed(f"providers.{self.slot.signal}", error)
                return result

            return set_provider

        if not self._watched:
            self._watched = True
            for name in _SETTERS:
                self._patches.replace(type(provider), name, rejoin)

    def _join_foreign(self, provider: Any) -> str:
        del provider
        return "apart"

    @abstractmethod
    def _equip_own(self, provider: Any) -> None:
        """Put our part into our own provider."""

    @abstractmethod
    def _equip(self, provider: Any) -> None:
        """Put our part into a provider of the SDK, that is the host's."""

    @abstractmethod
    def _hand_over(self, own: Any, provider: Any) -> None:
        """Let everything that was got from ``own`` lead to ``provider``."""

    @abstractmethod
    def _leave(self, provider: Any) -> None:
        """Undo :meth:`_equip`."""


class HandedOn:
    """A method of a former thing of ours that the host's answers in its stead.

    The host's may stand before ours and ask that in its turn: then ours answers as it did.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner, self._name = owner, name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        key = (id(instance), self._name)

        def call(*args: Any, **kwargs: Any) -> Any:
            inside = _handing_on.get()
            if key in inside:
                return getattr(super(self._owner, instance), self._name)(*args, **kwargs)
            token = _handing_on.set(inside | {key})
            try:
                return getattr(instance.successor, self._name)(*args, **kwargs)
            finally:
                _handing_on.reset(token)

        return call


class HandsOn:
    """What a provider of ours has become that the host has set its own in place of."""

    successor: Any
    """The host's."""
    parts: Sequence[Any] = ()
    """Processors that came with us."""
    _resource: Any

    @property
    def resource(self) -> Any:
        """What the host's provider says it is of."""
        return getattr(self.successor, "resource", self._resource)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the host's, if that can be flushed."""
        flush = getattr(self.successor, "force_flush", None)
        return flush is None or bool(flush(timeout_millis))

    def shutdown(self) -> None:
        """Shut down what came with us; what others have put on it is the host's by now."""
        for one in self.parts:
            try:
                one.shutdown()
            except Exception as error:  # noqa: BLE001 - at exit, and somebody else's package
                guard.swallowed("shutdown.processor", error)


def lead_on(made: Any, get: Callable[..., Any], former: type) -> None:
    """Let a tracer, logger or meter of ours lead to the host's of the same scope.

    Args:
        made: got from our provider; becomes a ``former``.
        get: of the host's provider.
        former: what hands on to ``successor``.
    """
    scope = scope_of(made)
    made.successor = get(scope.name, scope.version, scope.schema_url, scope.attributes or None)
    made.__class__ = former


def within(provider: Any, kind: type) -> Any:
    """The SDK's provider of ``kind`` that ``provider`` is, or stands before; ``None`` if none."""
    if isinstance(provider, kind):
        return provider
    inner = getattr(provider, "__dict__", {}).values()
    return next((one for one in inner if isinstance(one, kind)), None)
