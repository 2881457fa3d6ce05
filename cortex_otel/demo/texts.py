"""What ``cortex-otel demo --serve`` says in a terminal, in English and Korean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.messages import language

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TEXTS", "said"]

TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "filling": "Making up {users} users of {days} days …",
        "filling_share": "Making up {users} users of {days} days … {share} %",
        "filled": (
            "Made up: {users} users, {stored} events of {days} days. In the middle of it, "
            "{tool} fails: {incident}."
        ),
        "filled_before": "The made-up users are there: {events} events, the last {age} ago.",
        "stale": "The made-up users of an earlier demo are {age} old: removed, to be made anew.",
        "half": "An earlier demo was interrupted while it made up its users: removed.",
        "port_taken": "Port {port} is taken: {other} in its place.",
        "live": "Two of the servers go on being called, so that the pages move.",
        "live_ended": "Meanwhile: {calls} tool calls, {rows} rows.",
        "live_differs": "meanwhile the client made {calls} tool calls, but {rows} rows are there",
        "live_failed": "the calls between ended early: {detail}",
        "pages_once": (
            "The output isn't a terminal: each page is fetched once, then the demo ends. "
            "On a terminal it serves until Ctrl-C."
        ),
        "pages": "Pages, each fetched once with all its panels:",
        "page": "  {page}  {milliseconds} ms, lit: {lit} of {panels}",
        "page_dark": "{page}: nothing to show in {panels}",
        "page_failed": "{page}: {detail}",
        "pages_absent": "no page of the web admin could be fetched",
    },
    "ko": {
        "filling": "가상 사용자 {users}명의 {days}일치 만드는 중 …",
        "filling_share": "가상 사용자 {users}명의 {days}일치 만드는 중 … {share} %",
        "filled": (
            "가상 데이터 준비됨: 사용자 {users}명, {days}일치 이벤트 {stored}건. "
            "장애 구간: {incident} ({tool})."
        ),
        "filled_before": "가상 데이터 이미 있음: 이벤트 {events}건, 마지막은 {age} 전.",
        "stale": "이전 데모의 가상 데이터({age} 전)를 지우고 새로 만듦.",
        "half": "만들다 중단된 이전 데모의 가상 데이터를 지움.",
        "port_taken": "포트 {port} 사용 중: 대신 {other} 사용.",
        "live": "화면이 움직이도록 서버 두 개를 계속 호출합니다.",
        "live_ended": "그동안 도구 호출 {calls}회, 저장된 행 {rows}개.",
        "live_differs": "그동안 도구 호출 {calls}회, 저장된 행은 {rows}개로 서로 다름",
        "live_failed": "추가 호출이 일찍 끝남: {detail}",
        "pages_once": (
            "출력이 터미널이 아니므로 페이지마다 한 번씩 불러온 뒤 데모를 끝냅니다. "
            "터미널에서는 Ctrl-C를 누를 때까지 계속됩니다."
        ),
        "pages": "페이지마다 모든 패널을 한 번씩 불러온 결과:",
        "page": "  {page}  {milliseconds} ms, 표시된 패널 {panels}개 중 {lit}개",
        "page_dark": "{page}: 보여 줄 것 없는 패널 {panels}",
        "page_failed": "{page}: {detail}",
        "pages_absent": "불러올 수 있는 웹 관리 화면 페이지 없음",
    },
}
"""By language and key; both have the same keys."""


def said(key: str, **values: object) -> str:
    """The text of ``key`` in the user's language, with ``values`` filled in.

    Raises:
        KeyError: there is no such text, or it lacks a value.
    """
    return TEXTS[language()][key].format(**values)
