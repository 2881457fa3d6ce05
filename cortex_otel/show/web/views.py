"""The HTML of the web admin: shells that the browser fills from the API.

A page is complete without its data: titles, filters and empty panels are rendered at once, and each
panel requests its own data. All text is autoescaped; there are no inline scripts or styles, so that
the page works under a content security policy that allows neither.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from cortex_otel.locale import LANGUAGES, N_, texts, texts_of_scripts
from cortex_otel.query.ranges import parse_span
from cortex_otel.query.titles import CHOICE_TITLES
from cortex_otel.semconv import SERVICES
from cortex_otel.show import labels, value_labels
from cortex_otel.show.pages.declaration import ROW_FILTERS
from cortex_otel.show.web.navigation import navigation
from cortex_otel.show.web.own_parameters import OwnParameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel.show.pages import Page, Panel

__all__ = [
    "LANGUAGE_COOKIE",
    "THEMES",
    "THEME_COOKIE",
    "Problem",
    "chosen_language",
    "chosen_theme",
    "error_html",
    "page_html",
    "shell_html",
    "sign_in_html",
    "static_directory",
    "static_version",
    "trace_html",
]

LANGUAGE_COOKIE = "cortex_otel_language"
THEME_COOKIE = "cortex_otel_theme"
#: ``auto`` follows the system.
THEMES = {"auto": N_("Auto"), "light": N_("Light"), "dark": N_("Dark")}
#: Age; on its button; in full.
_PRESETS = (
    ("1h", N_("1 h"), N_("Last hour")),
    ("24h", N_("24 h"), N_("Last 24 hours")),
    ("7d", N_("7 d"), N_("Last 7 days")),
    ("30d", N_("30 d"), N_("Last 30 days")),
    ("90d", N_("90 d"), N_("Last 90 days")),
    ("all", N_("All"), N_("Everything stored")),
)
#: A label, and an example of what to type.
_FILTERS = {
    "user": (N_("User"), N_("hash starts with …")),
    "event_type": (N_("Event type"), "mcp.tool_call"),
    "error_type": (N_("Error type"), "TimeoutError"),
    "tool": (N_("Tool"), "search_context"),
    "q": (N_("Search"), N_("in messages")),
}
#: What a control of a time span offers, beside what is set.
_TIMES = ("1h", "1d", "3d", "7d", "14d", "30d", "90d")
_UNITS = {
    "s": N_("{count} s"),
    "m": N_("{count} min"),
    "h": N_("{count} h"),
    "d": N_("{count} d"),
    "w": N_("{count} weeks"),
}
#: Further ones are folded away.
_SHOWN_CONTROLS = 4
_SPAN = re.compile(r"[0-9]{1,6}[smhdw]")


class Problem(NamedTuple):
    """What is wrong with the page as a whole, e.g. that there is no database yet."""

    status: int
    code: str
    message: str
    hint: str = ""


def page_html(
    page: Page,
    *,
    language: str,
    theme: str,
    query: Mapping[str, str],
    problem: Problem | None = None,
    subject: str = "",
) -> str:
    """One page of :data:`~cortex_otel.show.pages.PAGES`, its panels still empty.

    Args:
        page: the page.
        language: ``en`` or ``ko``.
        theme: one of :data:`THEMES`.
        query: filters in the URL; only displayed, the API validates them.
        problem: shown above the panels.
        subject: the subject of a page about one thing: the user hash of a user's page.
    """
    return shell_html(
        "page.html",
        language,
        theme,
        query,
        problem,
        page=page.id,
        title=page.title_in(language),
        subject=subject,
        panels=_laid_out([_panel(panel, language) for panel in page.panels]),
        own_filters=[name for name in page.filters if name in ROW_FILTERS],
        has_tiers="user_tier" in page.filters,
        controls=[_control(OwnParameter(each), language) for each in page.controls],
        default_since=page.since,
    )


def trace_html(
    trace_id: str,
    *,
    language: str,
    theme: str,
    query: Mapping[str, str],
    problem: Problem | None = None,
) -> str:
    """The waterfall of one trace, still empty."""
    return shell_html(
        "trace.html",
        language,
        theme,
        query,
        problem,
        page="trace",
        title=texts(language).gettext("Trace"),
        subject=trace_id,
    )


def sign_in_html(language: str) -> str:
    """The page for a browser without the cookie: where to find the URL with the token."""
    return _environment().get_template("sign_in.html").render(_base(language, "auto"))


def error_html(status: int, code: str, message: str, language: str) -> str:
    """An error page, e.g. for an unknown URL.

    Args:
        status: HTTP status.
        code: the API's code of the error.
        message: for the reader, in ``language``.
        language: ``en`` or ``ko``.
    """
    return (
        _environment()
        .get_template("error.html")
        .render(_base(language, "auto"), status=status, code=code, message=message)
    )


def static_directory() -> Path:
    """The directory of style sheets, scripts and the icon; see :func:`static_version`."""
    return Path(__file__).with_name("static")


@cache
def static_version() -> str:
    """A hash of all static files, which is part of their URLs.

    So they can be cached for ever: ``/static/{version}/css/tokens.css``.
    """
    digest = hashlib.sha256()
    for path in sorted(static_directory().rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(static_directory()).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def chosen_language(query: str | None, cookie: str | None, accept: str | None) -> str:
    """``en`` or ``ko``: the first one supported of URL, cookie and ``Accept-Language``."""
    for wish in (query, cookie):
        if wish in LANGUAGES:
            return wish
    weighed: list[tuple[float, str]] = []
    for entry in (accept or "").split(","):
        name, _, weight = entry.strip().partition(";q=")
        language = name.split("-")[0].lower()
        if language in LANGUAGES:
            weighed.append((_quality(weight), language))
    best = max(weighed, key=lambda each: each[0], default=(0.0, "en"))
    return best[1] if best[0] > 0 else "en"


def chosen_theme(cookie: str | None) -> str:
    """One of :data:`THEMES`; ``auto`` unless the cookie says otherwise."""
    return cookie if cookie in THEMES else "auto"


def _quality(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0


def _panel(panel: Panel, language: str) -> dict[str, Any]:
    return {
        "id": panel.id,
        "draw": panel.draw,
        "title": panel.title_in(language),
        "wide": panel.wide or panel.draw == "cards",
        "since": panel.since,
        "empty": texts(language).gettext(panel.empty),
        "note": texts(language).gettext(panel.note) if panel.note else "",
    }


def _control(own: OwnParameter, language: str) -> dict[str, Any]:
    """A parameter of the page's questions, and how it is set."""
    parameter = own.parameter
    _ = texts(language).gettext
    choices = [each for each in parameter.choices if not each.endswith("*")]
    if choices and parameter.default == "":
        choices.insert(0, "")
    titles = {**value_labels.COMMON, **CHOICE_TITLES}
    return {
        "name": own.name,
        "kind": own.kind,
        "title": parameter.title_in(language),
        "meaning": parameter.meaning_in(language),
        "default": own.default,
        "bounds": own.bounds,
        "choices": {
            each: _(titles.get(f"{own.name}={each}") or titles.get(each, each)) for each in choices
        },
        "open": [each[:-1] for each in parameter.choices if each.endswith("*")],
    }


def _laid_out(panels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Two panels per row; one that would be alone takes the full width."""
    alone: dict[str, Any] | None = None
    for panel in [*panels, {"wide": True}]:
        if panel["wide"]:
            if alone is not None:
                alone["wide"] = True
            alone = None
        else:
            alone = panel if alone is None else None
    return panels


def shell_html(
    template: str,
    language: str,
    theme: str,
    query: Mapping[str, str],
    problem: Problem | None,
    *,
    page: str,
    title: str,
    subject: str = "",
    panels: list[dict[str, Any]] | None = None,
    own_filters: list[str] | None = None,
    controls: list[dict[str, Any]] | None = None,
    default_since: str = "30d",
    **more: Any,
) -> str:
    """A template within the frame that all pages share; ``more`` is what only it shows."""
    panels, own_filters, controls = panels or [], own_filters or [], controls or []
    base = _base(language, theme)
    client = {
        "page": page,
        "subject": subject,
        "language": base["language"],
        "panels": panels,
        "filters": own_filters,
        "controls": controls,
        "default_since": default_since,
        "presets": [age for age, *_ in _PRESETS],
        "texts": texts_of_scripts(base["language"]),
        "labels": _labels(base["language"]),
        "cookies": {"language": LANGUAGE_COOKIE, "theme": THEME_COOKIE},
    }
    return (
        _environment()
        .get_template(template)
        .render(
            base,
            page=page,
            title=title,
            subject=subject,
            panels=panels,
            own_filters=[(name, *_FILTERS[name]) for name in own_filters],
            controls=controls,
            times=_times(controls, query, language),
            shown_controls=_SHOWN_CONTROLS,
            query=query,
            problem=problem,
            navigation=navigation(language),
            presets=_PRESETS,
            since=query.get("since") or ("" if query.get("from") else default_since),
            themes=THEMES.items(),
            tiers=labels.TIERS.items(),
            # Before the first answer came; the browser adds what it finds in answers.
            services=_offered(SERVICES, query.get("service", "")),
            client=client,
            **more,
        )
    )


def _labels(language: str) -> dict[str, Any]:
    """What the browser shows in place of the values of columns."""
    _ = texts(language).gettext
    by_column = {**value_labels.BY_COLUMN, "channel": value_labels.CHANNELS}
    return {
        "common": {value: _(text) for value, text in value_labels.COMMON.items()},
        "by_column": {
            column: {
                value: _(text)
                for value, text in ({"": value_labels.EMPTY.get(column, ""), **found}).items()
                if text
            }
            for column, found in by_column.items()
        },
        "composed": {
            column: {
                "before": how.before,
                "replacements": value_labels.replacements_of(column, language),
            }
            for column, how in value_labels.COMPOSED.items()
        },
    }


def _times(
    controls: list[dict[str, Any]], query: Mapping[str, str], language: str
) -> dict[str, str]:
    """What a control of a time span offers, shortest first, and how it is read."""
    given = {
        each
        for control in controls
        if control["kind"] == "time"
        for each in (control["default"], query.get(control["name"], ""))
        if _SPAN.fullmatch(each)
    }
    gettext = texts(language).gettext
    return {
        each: gettext(_UNITS[each[-1]], count=int(each[:-1]))
        for each in sorted({*_TIMES, *given}, key=parse_span)
    }


def _offered(known: tuple[str, ...], chosen: str) -> list[str]:
    return [*known, *([chosen] if chosen and chosen not in known else [])]


def _base(language: str, theme: str) -> dict[str, Any]:
    language = language if language in LANGUAGES else "en"
    return {
        "language": language,
        "theme": chosen_theme(theme),
        "_": texts(language).gettext,
        "static": f"/static/{static_version()}",
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cortex_otel.show.web"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Unescaped Korean is a third of the bytes; what could end the script element stays escaped.
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "sort_keys": True}
    return environment
