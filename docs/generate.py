"""Write what is generated in docs/reference from the code that it describes.

``make generate`` runs it; ``tests/contracts/test_drift.py`` fails where a file is out of date.
Meanings come from the docstrings that stand below fields and constants, read with ``ast``.
"""

from __future__ import annotations

import ast
import inspect
import json
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cortex_otel.commands.jobs import cadence_in_words
from cortex_otel.operate.jobs import JOBS
from cortex_otel.operate.switches import switches
from cortex_otel.query.catalogue import catalogue
from cortex_otel.settings import Settings
from cortex_otel_exporters.jsonl import line

if TYPE_CHECKING:
    from dataclasses import Field

REFERENCE = Path(__file__).parent / "reference"

_SETTINGS_HEAD = """\
<!-- Generated from cortex_otel/settings/declared by docs/generate.py.
     Change it there, then `make generate`. -->
# Settings

Each setting has one name in code and one in the environment. `cortex_otel.configure(name=…)` wins
over the environment, the environment over the default. An empty variable counts as not set.

An invalid value stops `configure()` and the `cortex-otel` command with one line: the
name, the value, what is allowed. Under `opentelemetry-instrument` it is reported once on stderr,
the default is used, and your server runs.

| in code | in the environment | default | unit | allowed |
| --- | --- | --- | --- | --- |
"""

_OTEL_VARIABLES = """\
## Variables of OpenTelemetry

| variable | here |
| --- | --- |
| `OTEL_SDK_DISABLED=true` | Switches everything off, like `CORTEX_OTEL_ENABLED=false`. |
| `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER`, `OTEL_LOGS_EXPORTER` | Not followed, but for \
`none` and `cortex_sqlite`, unless `CORTEX_OTEL_ALLOW_OTHER_EXPORTERS=true`. `console` is never \
followed: it writes to stdout. |
| `OTEL_TRACES_SAMPLER` | `always_off` records no span. `traceidratio` becomes the rate of every \
event type without one of its own, with weights, and errors are kept. Others are not followed. |
| `OTEL_TRACES_SAMPLER_ARG` | The rate for `traceidratio`. |
| `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | Followed in the resource, of which only \
[these attributes](attributes.md#resource-attributes) are stored. The service that pages and \
questions name is `CORTEX_OTEL_SERVICE`. |
| `OTEL_PYTHON_DISTRO`, `OTEL_PYTHON_CONFIGURATOR` | `cortex` unless you set them. |
"""

_QUESTIONS_HEAD = """\
<!-- Generated from cortex_otel/query/sql by docs/generate.py.
     Change it there, then `make generate`. -->
# Questions

What can be asked of the store: `cortex-otel query NAME`, and what the panels of the views ask.
Each is one SQL file in `cortex_otel/query/sql`; `cortex-otel query NAME --show` prints it.

Units: `ratio` is 0 to 1, `factor` how many times as much, `number` any other
number, `ms` milliseconds, `unix_ns` Unix nanoseconds, `epoch_day` days since 1970-01-01, `flag` 0
or 1. Counts are weighted where events were sampled.

| question | what it answers |
| --- | --- |
"""


_JOBS_HEAD = """\
<!-- Generated from cortex_otel/operate/jobs.py by docs/generate.py.
     Change it there, then `make generate`. -->
# Jobs

What `cortex-otel serve` does to keep the store in order, and `cortex-otel jobs run NAME` does at
once ([how it works](../how-to/operate.md)). Times of day are those of `CORTEX_OTEL_TIME_ZONE`. The
limit is in seconds; a run that takes longer is cut off. The settings named last decide whether the
job is on.

| job | what it does | due | limit | settings |
| --- | --- | --- | --- | --- |
"""


def main() -> None:
    """Write them."""
    for name, text in generated().items():
        path = REFERENCE / name
        path.write_text(text, encoding="utf-8")
        print(f"wrote docs/reference/{name}")


def generated() -> dict[str, str]:
    """What each generated file must hold, by its name in docs/reference."""
    return {
        "settings.md": settings_page(),
        "openapi.json": api_description(),
        "questions.md": questions_page(),
        "jobs.md": jobs_page(),
        "log-file.schema.json": json.dumps(line.schema(), indent=2) + "\n",
    }


def api_description() -> str:
    """OpenAPI of the web admin."""
    from fastapi import FastAPI  # noqa: PLC0415 - the extra `serve`

    from cortex_otel.show.web import api, openapi  # noqa: PLC0415 - the same

    app = FastAPI()
    app.include_router(api.router)
    return json.dumps(openapi.described(app), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def settings_page() -> str:
    """The reference of settings."""
    docstrings: dict[str, str] = {}
    for subject in Settings.__mro__[:-1]:
        docstrings |= _docstrings(ast.parse(inspect.getsource(subject)).body[0])
    rows, sections = [], []
    for setting in fields(Settings):
        variable, allowed = setting.metadata["environment"], setting.metadata["allowed"]
        unit = setting.metadata["unit"] or "-"
        rows.append(
            f"| [`{setting.name}`](#{setting.name}) | `{variable}` | {_default(setting)} | {unit} "
            f"| {allowed} |\n"
        )
        sections.append(f"### {setting.name}\n\n`{variable}`. {docstrings[setting.name]}\n\n")
    return "".join([_SETTINGS_HEAD, *rows, "\n## What they mean\n\n", *sections, _OTEL_VARIABLES])


def questions_page() -> str:
    """The reference of questions."""
    page = [_QUESTIONS_HEAD]
    page += [f"| [`{name}`](#{name}) | {each.title} |\n" for name, each in catalogue().items()]
    for name, each in catalogue().items():
        page.append(f"\n## {name}\n\n{each.about}\n\nRange if none is given: `{each.since}`.\n")
        special = [one for one in each.parameters if one.is_special]
        if special:
            page.append("\n| parameter | default | meaning |\n| --- | --- | --- |\n")
            page += [
                f"| `{one.name}` | {_default_of(one.default)} | {one.meaning} |\n"
                for one in special
            ]
        page.append("\n| column | unit | meaning |\n| --- | --- | --- |\n")
        page += [f"| `{one.name}` | {one.unit} | {one.meaning} |\n" for one in each.columns]
    return "".join(page)


def jobs_page() -> str:
    """The reference of jobs."""
    page = [_JOBS_HEAD]
    for job in JOBS:
        settings = ", ".join(f"`{name}`" for name in switches(job, Settings())) or "-"
        due = cadence_in_words(job.cadence, "en")
        page.append(f"| `{job.name}` | {job.title} | {due} | {job.time_limit:g} | {settings} |\n")
    return "".join(page)


def _default_of(value: object) -> str:
    return f"`{value}`" if value not in ("", None) else "-"


def _default(setting: Field[Any]) -> str:
    if setting.name == "home":
        return "`~/.cortex/telemetry`"  # not expanded: the same page on every machine
    value = setting.default if setting.default is not MISSING else setting.default_factory()  # type: ignore[misc]
    if value in (None, "", (), {}):
        return "-"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _docstrings(node: ast.AST) -> dict[str, str]:
    """The string that stands below each annotated assignment in ``node``, in one line."""
    found: dict[str, str] = {}
    name = ""
    for statement in getattr(node, "body", []):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)):
                pass
            case ast.Expr(value=ast.Constant(value=str() as text)) if name:
                found[name] = " ".join(text.split())
                name = ""
            case _:
                name = ""
    return found


if __name__ == "__main__":
    main()
