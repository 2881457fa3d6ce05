"""The scripts' functions in a real browser: formats of numbers and times, gaps, nesting."""

from __future__ import annotations

import mimetypes

import pytest

from cortex_otel.show.pages import Page
from cortex_otel.show.web import views

pytestmark = pytest.mark.asyncio(loop_scope="session")

ORIGIN = "http://admin.test"
PAGE = Page(id="overview", title="Overview", panels=())


@pytest.fixture(params=["en", "ko"])
def language(request):
    return request.param


@pytest.fixture
def modules(chromium):
    """``await modules("en", "format", "m.number(1)")``: an expression with that module as ``m``."""

    async def serve(route):
        path = route.request.url.removeprefix(ORIGIN)
        if path.startswith("/static/"):
            file = views.static_directory() / path.split("/", 3)[3]
            kind = {".js": "text/javascript"}.get(file.suffix) or mimetypes.guess_type(file)[0]
            await route.fulfill(body=file.read_bytes(), content_type=kind)
        else:
            language = path.rpartition("=")[2]
            body = views.page_html(PAGE, language=language, theme="light", query={})
            await route.fulfill(body=body, content_type="text/html; charset=utf-8")

    async def evaluate(language, module, expression, argument=None):
        # A browser far from the zone of the data: what it shows must not follow its own clock.
        page = await chromium.new_page(timezone_id="America/St_Johns")
        try:
            await page.route(f"{ORIGIN}/**", serve)
            await page.goto(f"{ORIGIN}/admin/telemetry/overview?lang={language}")
            path = f"/static/{views.static_version()}/js/{module}.js"
            return await page.evaluate(
                f"async (a) => {{ const m = await import('{path}'); return {expression}; }}",
                argument,
            )
        finally:
            await page.close()

    return evaluate


CASES = [
    (None, "count", "–", "–"),
    (0, "count", "0", "0"),
    (12345, "count", "12,345", "12,345"),
    (1.25, "count", "1.3", "1.3"),
    (0.0312, "ratio", "3.1%", "3.1%"),
    (0.00042, "ratio", "0.042%", "0.042%"),
    (0, "ratio", "0%", "0%"),
    (0.0421, "ms", "42.1 µs", "42.1 µs"),
    (0.421, "ms", "0.421 ms", "0.421 ms"),
    (84.24, "ms", "84.2 ms", "84.2 ms"),
    (1234, "ms", "1.23 s", "1.23초"),
    (192_000, "ms", "3.2 min", "3.2분"),
    (9_000_000, "ms", "2.5 h", "2.5시간"),
    (400_000_000, "ms", "4.6 d", "4.6일"),
    ("2026-11-01", "epoch_day", "Nov 1", "11월 1일"),
    ("2026-11-01T23:59:58.123+09:00", "unix_ns", "Nov 1, 23:59:58", "11월 1일 23:59:58"),
    ("2026-11-01T00:00:00.000Z", "unix_ns", "Nov 1, 00:00:00", "11월 1일 00:00:00"),
    ("paid", "text", "Paid", "유료"),
    ("timeout", "text", "Timed out", "시간 초과"),
    ("<b>x</b>", "text", "<b>x</b>", "<b>x</b>"),
    ("", "text", "(unnamed)", "(이름 없음)"),
    (1, "flag", "Yes", "예"),
]


async def test_values_read_as_in_their_language(modules, language):
    shown = await modules(
        language,
        "format",
        "a.map(([raw, unit]) => m.value(raw, unit))",
        [case[:2] for case in CASES],
    )
    expected = [case[2 if language == "en" else 3] for case in CASES]
    assert shown == expected


async def test_large_numbers_are_short_on_cards(modules):
    numbers = [9999, 12345, 123_456_789]
    english = await modules("en", "format", "a.map((n) => m.compact(n))", numbers)
    korean = await modules("ko", "format", "a.map((n) => m.compact(n))", numbers)
    assert english == ["9,999", "12.3K", "123.5M"]
    assert korean == ["9,999", "1.2만", "1.2억"]


@pytest.mark.parametrize(
    ("now", "before", "unit", "expected"),
    [
        (110, 100, "count", {"text": "+10%", "direction": 1}),
        (100, 100, "count", {"text": "0%", "direction": 0}),
        (0.05, 0.03, "ratio", {"text": "+2 pp", "direction": 1}),
        (0.03004, 0.03, "ratio", {"text": "0 pp", "direction": 0}),
        (5, 0, "count", None),  # no percentage of nothing
        (0, 0, "count", {"text": "0%", "direction": 0}),
        (None, 3, "ms", None),
        (3, None, "ms", None),
    ],
)
async def test_a_change_against_the_period_before(modules, now, before, unit, expected):
    shown = await modules("en", "format", "m.delta(...a)", [now, before, unit])
    assert shown == expected


async def test_up_is_not_always_good(modules):
    columns = [
        ("error_rate", "ratio"), ("p95_ms", "ms"), ("errors", "count"), ("timeouts", "count"),
        ("active_users", "count"), ("savings_rate", "ratio"), ("accepted", "count"),
        ("events", "count"), ("avg_session_ms", "ms"),
    ]  # fmt: skip
    up = await modules("en", "meaning", "a.map(([name, unit]) => m.sense(name, unit, 1))", columns)
    assert up == ["bad"] * 4 + ["good"] * 2 + ["", "", ""]
    none = await modules(
        "en", "meaning", "a.map(([name, unit]) => m.sense(name, unit, 0))", columns
    )
    assert none == [""] * len(columns)


def answer(rows, x="day", unit="epoch_day", **more):
    return {
        "x": x, "values": ["n1"], "split": "", "rows": rows,
        "columns": [
            {"name": x, "unit": unit, "title": x}, {"name": "n1", "unit": "count", "title": "N"},
            {"name": "partial", "unit": "flag", "title": "partial"},
        ],
    } | more  # fmt: skip


async def test_a_day_without_a_row_is_a_day_of_nothing_not_a_shorter_axis(modules):
    rows = [["2026-10-24", 3, 0], ["2026-10-25", 4, 0], ["2026-10-28", 5, 1]]
    found = await modules("en", "pivot", "m.pivot(a)", answer(rows))
    assert found["categories"] == [f"2026-10-{day}" for day in (24, 25, 26, 27, 28)]
    assert found["series"][0]["points"] == [3, 4, 0, 0, 5]
    assert found["partial"] == [False, False, False, False, True]


async def test_what_is_measured_has_a_gap_where_nothing_was(modules):
    rows = [["2026-10-24", 3, 0], ["2026-10-26", 5, 0], ["2026-10-27", 5, 0]]
    given = answer(rows)
    given["columns"][1]["unit"] = "ratio"
    found = await modules("en", "pivot", "m.pivot(a)", given)
    assert found["series"][0]["points"] == [3, None, 5, 5]


async def test_the_axis_is_the_requested_range_not_that_of_the_rows(modules):
    zone = {"from": "2026-10-22T14:30:00.000+09:00", "to": "2026-10-28T00:00:00.000+09:00"}
    one = answer([["2026-10-25", 3, 0]], range=zone)
    found = await modules("en", "pivot", "m.pivot(a)", one)
    assert found["categories"] == [f"2026-10-{day}" for day in range(22, 28)]
    assert found["series"][0]["points"] == [0, 0, 0, 3, 0, 0]
    hour = {"from": "2026-10-22T14:30:00.000+09:00", "to": "2026-10-22T17:00:00.001+09:00"}
    given = answer([["2026-10-22T15:00:00.000+09:00", 3, 0]], "hour", "unix_ns", range=hour)
    found = await modules("en", "pivot", "m.pivot(a)", given)
    assert [each[11:16] for each in found["categories"]] == ["14:00", "15:00", "16:00", "17:00"]


async def test_before_anything_was_recorded_there_is_no_zero(modules):
    zone = {"from": "2026-10-22T00:00:00.000+09:00", "to": "2026-10-27T00:00:00.000+09:00"}
    given = answer([["2026-10-25", 3, 0]], range=zone)
    given["recorded_from"] = "2026-10-24T15:00:00.000+09:00"
    found = await modules("en", "pivot", "m.pivot(a)", given)
    assert found["series"][0]["points"] == [None, None, 0, 3, 0]


@pytest.mark.parametrize(
    ("raw", "unit", "english", "korean"),
    [
        (5.08e-8, "number", "< 0.001", "< 0.001"),
        (0.0, "number", "0", "0"),
        (0.0123, "number", "0.0123", "0.0123"),
        ("1–3 d", "text", "1–3 d", "1–3 일"),
        ("15 min – 1 h", "text", "15 min – 1 h", "15 분 – 1 시간"),
        ("≤ 1 min", "text", "≤ 1 min", "≤ 1 분"),
        ("tier:free", "text", "Tier: Free", "등급: 무료"),
        ("wait 3 min", "text", "wait 3 min", "wait 3 min"),
    ],
)
async def test_what_questions_compose_reads_as_words(modules, raw, unit, english, korean):
    say = "m.value(a[0], a[1])"
    assert await modules("en", "format", say, [raw, unit]) == english
    assert await modules("ko", "format", say, [raw, unit]) == korean


async def test_weeks_stay_weeks(modules):
    rows = [["2026-10-05", 3, 0], ["2026-10-19", 4, 0], ["2026-10-26", 5, 0]]
    found = await modules("en", "pivot", "m.pivot(a)", answer(rows))
    assert found["categories"] == ["2026-10-05", "2026-10-12", "2026-10-19", "2026-10-26"]


@pytest.mark.parametrize(("days", "slots"), [((5, 19, 26), 4), ((5, 7, 8), 4)])
async def test_weeks_and_days_that_begin_at_a_moment_are_no_hours(modules, days, slots):
    rows = [[f"2026-10-{day:02}T00:00:00.000+09:00", 0.5, 0] for day in days]
    found = await modules("en", "pivot", "m.pivot(a)", answer(rows, "time", "unix_ns"))
    assert len(found["categories"]) == slots


@pytest.mark.parametrize("days", [(5,), (5, 12)])
async def test_one_or_two_weeks_of_a_year_are_not_hours_of_it(modules, days):
    year = {"from": "2026-01-01T00:00:00.000+09:00", "to": "2027-01-01T00:00:00.000+09:00"}
    rows = [[f"2026-10-{day:02}T00:00:00.000+09:00", 0.5, 0] for day in days]
    found = await modules("en", "pivot", "m.pivot(a)", answer(rows, "time", "unix_ns", range=year))
    assert found["categories"] == [row[0] for row in rows]


async def test_a_point_between_gaps_has_a_dot(modules):
    lonely = "m.lonely(a, {key: 'n'}, {showSymbol: false}).map((each) => each.data)"
    points = [1, None, 2, 3, None, 0, None, None, 4]
    alone = [1, None, None, None, None, 0, None, None, 4]
    assert await modules("en", "draw/marks", lonely, points) == [alone]
    assert await modules("en", "draw/marks", lonely, [1, 2, None, None]) == []
    dots = lonely.replace("false", "true")
    assert await modules("en", "draw/marks", dots, points) == []


async def test_hours_across_a_change_of_the_clock_are_in_order(modules):
    """On 2026-10-25 Berlin's clocks read 02:00 twice; the offset tells which."""
    hours = [
        "2026-10-25T01:00:00.000+02:00",
        "2026-10-25T02:00:00.000+02:00",
        "2026-10-25T02:00:00.000+01:00",
        "2026-10-25T03:00:00.000+01:00",
    ]
    rows = [[hour, n, 0] for n, hour in enumerate(hours)]
    found = await modules("en", "pivot", "m.pivot(a)", answer(rows[::-1], "hour", "unix_ns"))
    assert found["categories"] == hours
    assert found["series"][0]["points"] == [0, 1, 2, 3]


async def test_rows_of_the_same_slot_add_up(modules):
    rows = [["2026-10-24", 3, 0], ["2026-10-24", 4, 0], ["2026-10-25", 1, 0]]
    found = await modules("en", "pivot", "m.pivot(a)", answer(rows))
    assert found["series"][0]["points"] == [7, 1]


async def test_the_number_of_values_behind_a_percentile_is_known(modules):
    given = answer([["2026-10-24", 3, 40], ["2026-10-26", 5, 7]])
    given["columns"][1]["unit"], given["columns"][2] = (
        "ms",
        {"name": "n", "unit": "count", "title": "n"},
    )
    assert (await modules("en", "pivot", "m.pivot(a)", given))["counts"] == [40, None, 7]


async def test_one_row_and_none(modules):
    found = await modules("en", "pivot", "m.pivot(a)", answer([["2026-10-24", 3, 0]]))
    assert found["categories"] == ["2026-10-24"]
    assert (await modules("en", "pivot", "m.pivot(a)", answer([])))["categories"] == []


def span(name, parent, start, duration=5.0, span_id=None):
    return {
        "name": name,
        "span_id": span_id or name,
        "parent_span_id": parent,
        "timestamp": f"2026-11-01T10:00:00.{start:06d}+09:00",
        "duration_ms": duration,
    }


async def test_a_trace_is_nested_and_loses_nothing(modules):
    spans = [
        span("late", "root", 300), span("root", None, 100), span("early", "root", 200),
        span("below", "early", 250), span("orphan", "not stored", 50),
        span("event", None, 260, None, span_id="early"),
        span("loop a", "loop b", 1), span("loop b", "loop a", 2),
    ]  # fmt: skip
    rows = await modules("en", "spans", "m.nested(a).map((r) => [r.span.name, r.depth])", spans)
    assert rows == [
        ["orphan", 0], ["root", 0], ["early", 1], ["below", 2], ["event", 2], ["late", 1],
        ["loop a", 0], ["loop b", 0],
    ]  # fmt: skip


async def test_microseconds_count_in_a_waterfall(modules):
    starts = await modules(
        "en", "spans", "a.map(m.starts)", [span("a", None, 100), span("b", None, 350)]
    )
    assert starts[1] - starts[0] == pytest.approx(0.25, abs=0.01)


async def test_groups_of_a_heat_map_are_in_their_order_and_one_may_be_unknown(modules, language):
    told = {
        "title": "t", "x": "breakdown", "split": "period", "values": ["retention", "users"],
        "columns": [
            {"name": "breakdown", "unit": "text", "title": "b", "meaning": ""},
            {"name": "period", "unit": "count", "title": "p", "meaning": ""},
            {"name": "users", "unit": "count", "title": "u", "meaning": ""},
            {"name": "retention", "unit": "ratio", "title": "r", "meaning": ""},
        ],
        "rows": [["paid", 0, 20, 1], ["paid", 1, 15, 0.5], ["", 0, 10, 1], ["free", 0, 5, 1]],
    }  # fmt: skip
    rows = await modules(
        language,
        "draw/heatmap",
        "(() => { const body = document.createElement('div'); m.heatmap(body, a);"
        " return [...body.querySelectorAll('tbody tr')]"
        ".map((tr) => [...tr.children].slice(0, 2).map((each) => each.textContent)); })()",
        told,
    )
    names = {"en": ["Paid", "Unknown", "Free"], "ko": ["유료", "알 수 없음", "무료"]}[language]
    assert rows == [[name, size] for name, size in zip(names, ["20", "10", "5"], strict=True)]
