"""The API's global providers, and how the host's replaces ours when it is set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import trace
from opentelemetry._logs import _internal as logs
from opentelemetry.metrics import _internal as metrics

from cortex_otel import guard
from cortex_otel.instrument.patches import Patches
from cortex_otel.span.internals import MissingPartError, part, scope_of
from cortex_otel_exporters import native

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

__all__ = [
    "LOGS",
    "METRICS",
    "TRACES",
    "Delegated",
    "DelegatingProvider",
    "Joint",
    "Slot",
    "delegate",
    "within",
]

#: Setters by which providers that wrap one of the SDK's replace the wrapped one.
_SETTERS: Final = ("set_provider", "set_meter_provider")


_delegating: ContextVar[frozenset[tuple[int, str]]] = ContextVar(
    "cortex_otel_handing_on", default=frozenset()
)


class Slot(NamedTuple):
    """The variables in which the API keeps one signal's global provider."""

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
    "traces",
    trace,
    "_TRACER_PROVIDER",
    "_TRACER_PROVIDER_SET_ONCE",
    trace.get_tracer_provider,
    trace.set_tracer_provider,
)
LOGS: Final = Slot(
    "logs",
    logs,
    "_LOGGER_PROVIDER",
    "_LOGGER_PROVIDER_SET_ONCE",
    logs.get_logger_provider,
    logs.set_logger_provider,
)
METRICS: Final = Slot(
    "metrics",
    metrics,
    "_METER_PROVIDER",
    "_METER_PROVIDER_SET_ONCE",
    metrics.get_meter_provider,
    metrics.set_meter_provider,
)


class _ReplaceableOnce:
    """Lets the host set its provider although ours is set; after that, it is final.

    It replaces the API's own object, so it works however the setter was imported.
    """

    def __init__(self, slot: Slot, ours: Any, follow: Callable[[Any], None]) -> None:
        self._lock = native.Lock()
        self._done = True
        self._slot = slot
        self._ours = ours
        self._follow = follow

    def is_for(self, provider: Any) -> bool:
        """Whether ``provider`` is ours; then it belongs to a joint that has left."""
        return provider is self._ours

    def do_once(self, func: Callable[[], None]) -> bool:
        with self._lock:
            if self._done and self._slot.current is not self._ours:
                return False
            func()
            self._done = True
            provider = self._slot.current
        if provider is self._ours:
            return False  # as the API does when nothing has changed
        self._follow(provider)
        return True


class Joint(ABC):
    """One signal's provider, ours or the host's, and our part in it.

    Args:
        slot: the signal's.
        make: makes our own provider; called only if it is needed.
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
        """Our own provider; made at first use."""
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
        """Join the provider that is already set, or set ours.

        Returns:
            The provider to get our own instruments from.
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
        if theirs is None or (isinstance(once, _ReplaceableOnce) and once.is_for(theirs)):
            self.slot.set(self.own)
            theirs = self.slot.current
        if theirs is not self._own:
            self._follow(theirs)
            return self.own if self.how == "apart" else theirs
        once = _ReplaceableOnce(self.slot, self.own, self._follow)
        setattr(self.slot.module, self.slot.once, once)
        return self.own

    def leave(self) -> None:
        """Remove our part from the host's provider.

        If ours is the global one, it stays, and the host can still replace it.
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
                "cortex-otel can't join a provider of type %s: its %s are not in the local store",
                kind,
                signal,
            )
        elif self._own is not None:
            try:
                self._hand_over(self._own, provider)
            except Exception as error:  # noqa: BLE001 - the host's call
                guard.swallowed(f"providers.{signal}.hand_over", error)
                guard.warn_once(
                    f"hand over {signal}",
                    "what was obtained before %s was set can't delegate to it: its %s are only in "
                    "the local store",
                    kind,
                    signal,
                )

    def _join(self, provider: Any) -> str:
        """Add our part to ``provider``; returns how: a value of :attr:`how`."""
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
        """Join again when ``provider``, which wraps one of the SDK's, wraps another later."""

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
        """Add our part to our own provider."""

    @abstractmethod
    def _equip(self, provider: Any) -> None:
        """Add our part to the host's provider, which is one of the SDK."""

    @abstractmethod
    def _hand_over(self, own: Any, provider: Any) -> None:
        """Let everything that was obtained from ``own`` delegate to ``provider``."""

    @abstractmethod
    def _leave(self, provider: Any) -> None:
        """Undo :meth:`_equip`."""


class Delegated:
    """A method that delegates to the host's object of the same scope (``successor``).

    The host's may wrap ours and call it in turn: then our own implementation runs.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner, self._name = owner, name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        key = (id(instance), self._name)

        def call(*args: Any, **kwargs: Any) -> Any:
            inside = _delegating.get()
            if key in inside:
                return getattr(super(self._owner, instance), self._name)(*args, **kwargs)
            token = _delegating.set(inside | {key})
            try:
                return getattr(instance.successor, self._name)(*args, **kwargs)
            finally:
                _delegating.reset(token)

        return call


class DelegatingProvider:
    """Base of our own provider's class after the host has replaced it."""

    successor: Any
    """The host's provider."""
    parts: Sequence[Any] = ()
    """Processors that came with us."""
    _resource: Any

    @property
    def resource(self) -> Any:
        """The resource of the host's provider."""
        return getattr(self.successor, "resource", self._resource)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the host's, if it can be flushed."""
        flush = getattr(self.successor, "force_flush", None)
        return flush is None or bool(flush(timeout_millis))

    def shutdown(self) -> None:
        """Shut down our processors; those that others have added are the host's by now."""
        for one in self.parts:
            try:
                one.shutdown()
            except Exception as error:  # noqa: BLE001 - at exit, and somebody else's package
                guard.swallowed("shutdown.processor", error)


def delegate(ours: Any, get: Callable[..., Any], former: type) -> None:
    """Let a tracer, logger or meter of ours delegate to the host's of the same scope.

    Args:
        ours: obtained from our provider; becomes a ``former``.
        get: the getter of the host's provider.
        former: the class that delegates to ``successor``.
    """
    scope = scope_of(ours)
    ours.successor = get(scope.name, scope.version, scope.schema_url, scope.attributes or None)
    ours.__class__ = former


def within(provider: Any, kind: type) -> Any:
    """The SDK's provider of ``kind`` that ``provider`` is, or wraps; ``None`` if none."""
    if isinstance(provider, kind):
        return provider
    inner = getattr(provider, "__dict__", {}).values()
    return next((one for one in inner if isinstance(one, kind)), None)
