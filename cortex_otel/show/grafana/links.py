"""Where a click on a value leads: to another dashboard, with the value as its filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.locale import texts
from cortex_otel.query.catalogue import catalogue
from cortex_otel.show.grafana import dialect
from cortex_otel.show.grafana.pages import PAGES_OF_GRAFANA, TRACE

if TYPE_CHECKING:
    from cortex_otel.query.catalogue import Question
    from cortex_otel.show.pages import Page

__all__ = ["AROUND", "filters_of", "link_of", "uid_of"]

#: Columns of a table that links to traces: a trace is looked for in the hours around its event
#: alone, since no index leads from its id to it.
AROUND = ("trace_from", "trace_to")

_KEPT = {"service", "user_tier", "time_zone"}
#: Column -> parameter of the questions of the page it leads to, where it has another name.
_PARAMETERS = {"user_id_hash": "user", "tool_name": "tool", "with_tool": "tool"}


def uid_of(page: Page) -> str:
    """Uid of a page's dashboard: part of its address."""
    return f"cortex-{page.id.replace('_', '-')}"


def filters_of(page: Page) -> list[str]:
    """Parameters that the dashboard has a variable for: those that an answer depends on."""
    questions = [catalogue()[name] for name in ("error_rate", *(p.question for p in page.panels))]
    return [
        name
        for name in dict.fromkeys(
            (*page.filters, "time_zone", *(control.name for control in page.controls))
        )
        if any(question.accepts(name) for question in questions)
        or (name == "time_zone" and any(map(_has_days, questions)))
    ]


def link_of(page: Page, language: str, column: str, to: str) -> tuple[str, str] | None:
    """Title and URL of what a click on a value of ``column`` opens; none if it can't be filtered.

    Args:
        page: where the value stands.
        language: of the title.
        column: of the value.
        to: the page, as the pages name it.
    """
    parameter = _PARAMETERS.get(column, column)
    # `users` lists them, `user` is one of them: a hash leads to the one.
    wanted = ("user", "users") if parameter == "user" else (to,)
    others = [PAGES_OF_GRAFANA[name] for name in wanted if name in PAGES_OF_GRAFANA]
    other = next((each for each in others if parameter in filters_of(each)), None)
    if other is None:
        return None
    written = f'var-{_variable(parameter)}=${{__data.fields["{column}"]:percentencode}}'
    if other is TRACE:
        start, end = (f'${{__data.fields["{name}"]}}' for name in AROUND)
        url = f"/d/{uid_of(other)}?{written}&from={start}&to={end}"
    else:
        kept = _KEPT.intersection(filters_of(page), filters_of(other)) - {parameter}
        rest = "".join(f"&${{{name}:queryparam}}" for name in sorted(map(_variable, kept)))
        url = f"/d/{uid_of(other)}?{written}&${{__url_time_range}}{rest}"
    return texts(language).gettext("Show {page}", page=other.title_in(language)), url


def _has_days(question: Question) -> bool:
    return any(column.unit == "epoch_day" for column in question.columns)


def _variable(parameter: str) -> str:
    return dialect.VARIABLES.get(parameter, parameter)
