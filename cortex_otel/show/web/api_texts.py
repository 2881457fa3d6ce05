"""What the API says when it can't answer, in English and Korean, by the code of the error.

Korean sentences are built so that no particle depends on a value. Texts of the pages themselves are
in :mod:`.texts`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TEXTS", "said"]

_ENGLISH = {
    # What was asked
    "unknown_parameter": "there is no parameter {field!r} here",
    "repeated_parameter": "{field} is given more than once",
    "bad_value": "{value} makes no sense as {field}",
    "bad_since": "{value} is no age: give 24h, 7d, 30d, 2w or all",
    "bad_moment": "{value} is no time: give a date like 2026-11-01, or 2026-11-01T10:00",
    "both_ranges": "give since, or from and to, but not both",
    "empty_range": "the range is empty: from lies at or after to, or in the future",
    "bad_service": "{value} is no name of a service: letters, digits, - and _",
    "bad_tier": "{value} is no tier: give {allowed}",
    "bad_time_zone": "{value} is no time zone: give a name like Asia/Seoul",
    "bad_user": "{value} is no user hash, nor the beginning of one: 1 to 64 of 0-9 and a-f",
    "bad_trace": "{value} is no trace id: 32 of 0-9 and a-f",
    "bad_event_type": "{value} is no event type: mcp.tool_call, ext.error …",
    "bad_cursor": "this cursor isn't one of ours, or belongs to another question: begin again",
    "bad_limit": "{value} is no number of rows: give 1 to {most}",
    "export_of_what": "an export is of a panel (page and panel), or of events (neither)",
    "not_of_this_page": "{page} has no filter {field}",
    # What isn't there
    "not_found": "there is nothing at this address",
    "method": "this address takes {allowed} only",
    "unknown_page": "there is no page {value}",
    "unknown_panel": "{page} has no panel {value}",
    "unknown_user": "no user with this hash is stored here",
    "unknown_trace": "no span or event of this trace is stored here",
    # Who asks
    "no_token": "open the address that cortex-otel serve printed, or send its token as Bearer",
    "wrong_token": "this token is not the one of this installation: see the file admin.token",
    "foreign_host": "the Host header names another machine: open localhost or 127.0.0.1",
    "foreign_origin": "a page of another site asks for this: open it yourself",
    # What can't be done now
    "too_slow": "the answer took longer than {seconds} s: ask for a shorter range",
    "busy": "too many questions wait for an answer: try again in a moment",
    "fault": "a fault of the admin itself; it is in its log",
    "store_missing": (
        "nothing is recorded yet: start a server with opentelemetry-instrument python server.py, "
        "or look at cortex-otel demo"
    ),
    "store_newer": "the database is from a newer cortex-otel: upgrade this one",
    "store_older": "the database is from an older cortex-otel: the next process that records "
    "brings it up to date",
    "store_damaged": "the database is damaged or none: move it away, and recording makes a new one",
    "store_not_ours": "the database is another program's: move it away or set CORTEX_OTEL_HOME",
    "store_locked": "the database is locked by another process: try again in a moment",
    "store_no_permission": "no permission to read the database: serve as the user who records",
    "store_directory": "where the database should be is a directory",
    "store_cannot_open": "the database can't be opened: its directory must be writable",
    "store_unreadable": "the database can't be read",
    "store_hint": "Database: {path}",
    # Panels
    "empty_store": "Nothing is recorded yet",
    "empty_range_of": "Nothing was recorded in this range",
    "empty_kind": "Nothing of this kind was recorded in this range",
    "empty_filtered": "Nothing here matches the filters",
    "empty_store_hint": "It fills as soon as an instrumented server or the extension is used.",
    "empty_range_hint": "The latest record is of {last}: choose a longer range.",
    "empty_filtered_hint": "Without the filters there may be more.",
    "partial": "The last period is not over: its numbers still grow.",
    "clocks_changed": (
        "Clocks in {zone} were changed in this range: all days are counted by UTC{offset}, as at "
        "its end."
    ),
}

_KOREAN = {
    "unknown_parameter": "알 수 없는 매개변수: {field!r}",
    "repeated_parameter": "두 번 이상 지정됨: {field}",
    "bad_value": "잘못된 값: {value} ({field})",
    "bad_since": "잘못된 기간: {value} (24h, 7d, 30d, 2w, all 중에서 지정)",
    "bad_moment": "잘못된 시각: {value} (예: 2026-11-01, 2026-11-01T10:00)",
    "both_ranges": "since 또는 from·to 중 하나만 지정해 주세요",
    "empty_range": "빈 기간입니다: from 시각은 현재와 to 시각보다 앞서야 합니다",
    "bad_service": "잘못된 서비스 이름: {value} (영문자, 숫자, -, _)",
    "bad_tier": "잘못된 등급: {value} ({allowed} 중에서 지정)",
    "bad_time_zone": "잘못된 시간대: {value} (예: Asia/Seoul)",
    "bad_user": "잘못된 사용자 해시: {value} (0-9, a-f 문자 1~64자)",
    "bad_trace": "잘못된 트레이스 ID: {value} (0-9, a-f 문자 32자)",
    "bad_event_type": "잘못된 이벤트 유형: {value} (예: mcp.tool_call, ext.error)",
    "bad_cursor": "이 요청에 맞지 않는 커서입니다. 처음부터 다시 조회해 주세요",
    "bad_limit": "잘못된 행 수: {value} (1~{most})",
    "export_of_what": "내보내기 대상: 패널(page, panel 모두 지정) 또는 이벤트(둘 다 생략)",
    "not_of_this_page": "{page} 페이지에 없는 필터: {field}",
    "not_found": "이 주소에는 아무것도 없습니다",
    "method": "허용된 메서드: {allowed}",
    "unknown_page": "없는 페이지: {value}",
    "unknown_panel": "{page} 페이지에 없는 패널: {value}",
    "unknown_user": "이 해시의 사용자 기록이 없습니다",
    "unknown_trace": "이 트레이스의 기록이 없습니다",
    "no_token": "cortex-otel serve 명령이 출력한 주소를 열거나 토큰을 Bearer 헤더로 보내 주세요",
    "wrong_token": "이 설치의 토큰이 아닙니다. admin.token 파일에서 확인해 주세요",
    "foreign_host": "Host 헤더가 다른 컴퓨터를 가리킵니다. localhost 또는 127.0.0.1 주소로 여세요",
    "foreign_origin": "다른 사이트에서 보낸 요청입니다. 주소를 직접 열어 주세요",
    "too_slow": "응답 시간이 {seconds}초를 넘었습니다. 더 짧은 기간을 선택해 주세요",
    "busy": "대기 중인 요청이 너무 많습니다. 잠시 후 다시 시도해 주세요",
    "fault": "관리 화면 자체의 오류입니다. 로그를 확인해 주세요",
    "store_missing": (
        "아직 기록이 없습니다. opentelemetry-instrument python server.py 명령으로 서버를 "
        "시작하거나 cortex-otel demo 명령을 실행해 보세요"
    ),
    "store_newer": "더 새로운 cortex-otel 데이터베이스입니다. 이 cortex-otel을 업그레이드하세요",
    "store_older": "이전 cortex-otel 데이터베이스입니다. 다음 기록 시 자동으로 업데이트됩니다",
    "store_damaged": (
        "손상되었거나 데이터베이스가 아닌 파일입니다. 다른 곳으로 옮기면 다음 기록 시 새로 만듭니다"
    ),
    "store_not_ours": (
        "다른 프로그램의 데이터베이스입니다. 옮기거나 CORTEX_OTEL_HOME 값을 바꿔 주세요"
    ),
    "store_locked": "다른 프로세스가 데이터베이스를 잠갔습니다. 잠시 후 다시 시도해 주세요",
    "store_no_permission": "데이터베이스 읽기 권한이 없습니다. 기록하는 계정으로 실행해 주세요",
    "store_directory": "데이터베이스 위치에 디렉터리가 있습니다",
    "store_cannot_open": "데이터베이스를 열 수 없습니다. 디렉터리에 쓰기 권한이 필요합니다",
    "store_unreadable": "데이터베이스를 읽을 수 없습니다",
    "store_hint": "데이터베이스: {path}",
    "empty_store": "아직 기록이 없습니다",
    "empty_range_of": "이 기간에는 기록이 없습니다",
    "empty_kind": "이 기간에는 해당 기록이 없습니다",
    "empty_filtered": "필터에 맞는 기록이 없습니다",
    "empty_store_hint": "계측된 서버나 확장 프로그램을 사용하면 채워집니다.",
    "empty_range_hint": "마지막 기록: {last}. 더 긴 기간을 선택해 보세요.",
    "empty_filtered_hint": "필터를 해제하면 더 있을 수 있습니다.",
    "partial": "마지막 기간은 아직 끝나지 않아 수치가 늘어날 수 있습니다.",
    "clocks_changed": (
        "이 기간에 시각이 조정된 시간대입니다({zone}). "
        "모든 날짜는 기간 끝의 UTC{offset} 기준으로 집계합니다."
    ),
}

TEXTS: Mapping[str, Mapping[str, str]] = MappingProxyType({"en": _ENGLISH, "ko": _KOREAN})
"""By language, then by code."""


def said(code: str, language: str, **values: object) -> str:
    """The text of ``code`` in ``language``, its first letter large where it is a sentence.

    Raises:
        KeyError: there is no such code; a mistake of ours.
    """
    message = TEXTS[language][code].format(**values)
    return message[:1].upper() + message[1:]
