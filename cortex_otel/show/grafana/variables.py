"""What a reader of a dashboard can set: its variables, by the parameters of the questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models

from cortex_otel.locale import N_, texts
from cortex_otel.query.titles import CHOICE_TITLES
from cortex_otel.show.grafana import dialect
from cortex_otel.show.grafana.targets import DATASOURCE
from cortex_otel.show.labels import TIERS

if TYPE_CHECKING:
    from cortex_otel.query.catalogue import Parameter
    from cortex_otel.show.pages import Page

__all__ = ["variable_of"]

#: Raw SQL, not a value: Grafana doesn't format a custom "All".
_ALL = "''"
#: Of the variables, by the parameter they set.
_LABELS = {
    "service": N_("Service"),
    "user_tier": N_("Tier"),
    "time_zone": N_("Time zone"),
    "user": N_("User hash (prefix)"),
    "event_type": N_("Event type"),
    "error_type": N_("Error type"),
    "tool": N_("Tool"),
    "trace_id": N_("Trace id"),
    "q": N_("Search"),
}


def variable_of(name: str, page: Page, language: str) -> Any:
    """The builder of the variable that sets the parameter ``name`` on the dashboard of ``page``."""
    _ = texts(language).gettext
    own = {each.name: each for each in page.controls}
    if name in own and name not in _LABELS:
        return _of_control(own[name], language)
    variable = dialect.VARIABLES.get(name, name)
    label = _(_LABELS[name])
    everything = models.VariableOption(selected=True, text="All", value="$__all")
    match name:
        case "service":
            sql = "SELECT DISTINCT service FROM segments ORDER BY service"
            return (
                dashboard.QueryVariable(variable)
                .label(label)
                .query(sql)
                .definition(sql)
                .datasource(DATASOURCE)
                .refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
                .multi(multi=False)
                .include_all(include_all=True)
                .all_value(_ALL)
                .current(everything)
            )
        case "user_tier":
            return (
                dashboard.CustomVariable(variable)
                .label(label)
                .values(",".join(f"{_(title)} : {tier}" for tier, title in TIERS.items()))
                .multi(multi=False)
                .include_all(include_all=True)
                .all_value(_ALL)
                .current(everything)
            )
        case "time_zone":
            sql = "SELECT DISTINCT time_zone FROM zone_offsets ORDER BY time_zone"
            return (
                dashboard.QueryVariable(variable)
                .label(label)
                .description(
                    _(
                        "Whose days are counted, exactly across clock changes: UTC, or the zone "
                        "that CORTEX_OTEL_TIME_ZONE names where cortex-otel serve runs."
                    )
                )
                .query(sql)
                .definition(sql)
                .datasource(DATASOURCE)
                .refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
                .multi(multi=False)
                .include_all(include_all=False)
                .current(models.VariableOption(selected=True, text="UTC", value="UTC"))
            )
    nothing = models.VariableOption(selected=True, text="", value="")
    return dashboard.TextBoxVariable(variable).label(label).default_value("").current(nothing)


def _of_control(parameter: Parameter, language: str) -> Any:
    """Of what only the questions of a page take: a list where it is closed, else a text."""
    _ = texts(language).gettext
    label, default = parameter.title_in(language), str(parameter.default)
    about = parameter.meaning_in(language)
    closed = [each for each in parameter.choices if not each.endswith("*")]
    if not closed:
        current = models.VariableOption(selected=True, text=default, value=default)
        return (
            dashboard.TextBoxVariable(parameter.name)
            .label(label)
            .description(about)
            .default_value(default)
            .current(current)
        )
    titles = {each: _(CHOICE_TITLES.get(each, each)).replace(",", "\\,") for each in closed}
    builder = (
        dashboard.CustomVariable(parameter.name)
        .label(label)
        .description(about)
        .values(",".join(f"{title} : {value}" for value, title in titles.items()))
        .multi(multi=False)
    )
    if default:
        text = _(CHOICE_TITLES.get(default, default))
        chosen = models.VariableOption(selected=True, text=text, value=default)
        return builder.include_all(include_all=False).current(chosen)
    everything = models.VariableOption(selected=True, text="All", value="$__all")
    return builder.include_all(include_all=True).all_value(_ALL).current(everything)
