"""What the dashboards and ``cortex-otel grafana`` say, in English and Korean.

Titles of panels are with their questions.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from cortex_otel.messages import language

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TERMINAL", "WORDS", "told"]

WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {
            "nothing": "Nothing recorded in this range with these filters",
            "partial": "not over",
            "partial_about": "The period is not over, or not all of it was recorded.",
            "service": "Service",
            "user_tier": "Tier",
            "utc_offset_minutes": "Days of",
            "utc_offset_about": "Where a calendar day begins. One offset for the whole range: in a "
            "zone with summer time, days on the other side of the change are an hour off.",
            "user": "User hash (prefix)",
            "event_type": "Event type",
            "error_type": "Error type",
            "tool": "Tool",
            "trace_id": "Trace id",
            "session": "Session",
            "q": "Search",
            "follow": "Show {page}",
            "pages": "Dashboards",
            "pages_about": "Every dashboard of Cortex telemetry.",
            "home": "Home",
            "home_about": "How Cortex is used at a glance, and the way to every other dashboard.",
            "live": "Live",
            "live_about": "What happens now: refreshed every second.",
            "trace_page": "Trace",
            "trace_about": "Everything that belongs to one trace, as a table and in its order of "
            "time.",
            "waterfall": "Waterfall",
            "waterfall_about": "Each span from its start to its end, in ms since the trace began. "
            "An instant has no length.",
            "start": "starts after",
            "no_trace": "No such trace in this range: open one by a click on a trace id",
            "incidents": "Incidents",
            "incident": "Error spike",
            "incident_text": "of the events failed or timed out",
        },
        "ko": {
            "nothing": "이 기간과 필터에 기록된 것이 없습니다",
            "partial": "진행 중",
            "partial_about": "기간이 아직 끝나지 않았거나 일부만 기록되었습니다.",
            "service": "서비스",
            "user_tier": "등급",
            "utc_offset_minutes": "날짜 기준",
            "utc_offset_about": "하루가 시작되는 기준입니다. 기간 전체에 하나의 시차를 쓰므로 "
            "서머타임이 있는 곳에서는 바뀐 쪽의 날짜가 한 시간 어긋납니다.",
            "user": "사용자 해시(앞부분)",
            "event_type": "이벤트 종류",
            "error_type": "오류 종류",
            "tool": "도구",
            "trace_id": "트레이스 ID",
            "session": "세션",
            "q": "검색",
            "follow": "{page} 보기",
            "pages": "대시보드",
            "pages_about": "Cortex 텔레메트리의 모든 대시보드입니다.",
            "home": "홈",
            "home_about": "Cortex 사용 현황과 다른 모든 대시보드로 가는 길입니다.",
            "live": "실시간",
            "live_about": "지금 일어나는 일입니다. 1초마다 새로 고칩니다.",
            "trace_page": "트레이스",
            "trace_about": "한 트레이스에 속한 모든 것을 표와 시간 순서로 보여 줍니다.",
            "waterfall": "워터폴",
            "waterfall_about": "각 스팬의 시작부터 끝까지를 트레이스 시작 이후 밀리초로 "
            "나타냅니다. 순간 이벤트는 길이가 없습니다.",
            "start": "시작까지",
            "no_trace": "이 기간에 그런 트레이스가 없습니다. 표의 트레이스 ID를 눌러 여세요",
            "incidents": "장애",
            "incident": "오류 급증",
            "incident_text": "실패하거나 시간 초과된 이벤트 비율",
        },
    }
)
"""By language and key; both have the same keys."""

TERMINAL: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {
            "grafana_written": "{count} dashboards, datasource and alert rules are in {directory}",
            "grafana_database": "Database: {path}",
            "grafana_no_database": (
                "There is no database yet. Grafana can't read one before something is recorded."
            ),
            "grafana_slack": "Alerts go to Slack.",
            "grafana_no_slack": (
                "Alerts show in Grafana alone: CORTEX_OTEL_SLACK_WEBHOOK isn't set."
            ),
            "grafana_next": "Next:",
            "grafana_next_user": (
                "1. Run Grafana 12.4 or later as the user that writes {path}: another one can't "
                "read it."
            ),
            "grafana_next_start": (
                "2. Start it with the settings in {env}. They install the SQLite plugin."
            ),
            "grafana_next_password": (
                "3. Change the admin's password at the first sign-in, and keep it on this machine: "
                "who signs in can read everything that is recorded."
            ),
            "grafana_exists": "{path} is there already (and {count} in all): --force overwrites",
            "grafana_cannot_write": "can't write {path}: {detail}",
            "grafana_no_directory": "{path!r} is no directory",
            "grafana_missing": (
                "cortex-otel grafana push needs more packages: {install} (no {module})"
            ),
            "grafana_pushed": "Dashboards sent: {sent}, unchanged: {unchanged} (Grafana {version})",
            "grafana_sick": (
                "But the datasource can't read {path}: {detail}. Grafana must run on this machine, "
                "as the user that writes the database."
            ),
            "grafana_bad_url": "{url} is no address of a Grafana: http://HOST:PORT is one",
            "grafana_secret_in_url": (
                "no password in the address, where others can see it: set GRAFANA_TOKEN, or "
                "GRAFANA_USER and GRAFANA_PASSWORD"
            ),
            "grafana_in_the_clear": (
                "{url} is another machine, and over http the token could be read on the way: "
                "use https, or --force"
            ),
            "grafana_bad_token": "GRAFANA_TOKEN has a character that no token has",
            "grafana_no_token": (
                "set GRAFANA_TOKEN to a service account's token (role Admin), or GRAFANA_USER and "
                "GRAFANA_PASSWORD"
            ),
            "grafana_no_plugin": (
                "{url} has no {plugin}: start Grafana with "
                "GF_PLUGINS_PREINSTALL_SYNC=frser-sqlite-datasource@4.0.3"
            ),
            "grafana_unreachable": "{url} doesn't answer as a Grafana does ({detail})",
            "grafana_unauthorized": "{url} doesn't know that token or password",
            "grafana_forbidden": "{url}: that token may not do this; its role must be Admin",
            "grafana_refused": "{url} answered {status}: {detail}",
            "grafana_read_only": (
                "{url}: {name} is there from provisioning files, which the API can't change"
            ),
        },
        "ko": {
            "grafana_written": "대시보드 {count}개, 데이터 소스, 경고 규칙을 썼습니다: {directory}",
            "grafana_database": "데이터베이스: {path}",
            "grafana_no_database": (
                "데이터베이스가 아직 없습니다. 무언가 기록되어야 Grafana에서 읽을 수 있습니다."
            ),
            "grafana_slack": "경고를 Slack으로 보냅니다.",
            "grafana_no_slack": (
                "경고는 Grafana에서만 보입니다: CORTEX_OTEL_SLACK_WEBHOOK 값이 없습니다."
            ),
            "grafana_next": "다음 할 일:",
            "grafana_next_user": (
                "1. 기록하는 사용자로 Grafana 12.4 이상을 실행하세요. 다른 사용자는 읽을 수 "
                "없습니다: {path}"
            ),
            "grafana_next_start": "2. 이 설정으로 시작하세요(SQLite 플러그인 설치 포함): {env}",
            "grafana_next_password": (
                "3. 처음 로그인할 때 관리자 암호를 바꾸고 이 컴퓨터에서만 쓰세요. 로그인한 "
                "사람은 기록된 모든 것을 읽을 수 있습니다."
            ),
            "grafana_exists": "이미 있는 파일: {path} (모두 {count}개). 덮어쓰기: --force",
            "grafana_cannot_write": "쓸 수 없음: {path}: {detail}",
            "grafana_no_directory": "디렉터리가 아님: {path!r}",
            "grafana_missing": ("grafana push에 패키지가 더 필요합니다: {install} ({module} 없음)"),
            "grafana_pushed": "보낸 대시보드: {sent}, 그대로: {unchanged} (Grafana {version})",
            "grafana_sick": (
                "데이터 소스에서 읽을 수 없음: {path}: {detail}. Grafana는 이 컴퓨터에서, "
                "데이터베이스에 기록하는 사용자로 실행해야 합니다."
            ),
            "grafana_bad_url": "Grafana 주소가 아님: {url} (예: http://HOST:PORT)",
            "grafana_secret_in_url": (
                "주소에 암호를 넣으면 남이 볼 수 있습니다: GRAFANA_TOKEN 또는 GRAFANA_USER, "
                "GRAFANA_PASSWORD 값을 정하세요"
            ),
            "grafana_in_the_clear": (
                "{url}: 다른 컴퓨터이고 http에서는 토큰이 노출됩니다. https 또는 --force 옵션을 "
                "쓰세요"
            ),
            "grafana_bad_token": "GRAFANA_TOKEN 값에 토큰에 없는 문자가 있습니다",
            "grafana_no_token": (
                "GRAFANA_TOKEN에 서비스 계정 토큰(역할 Admin)을 넣거나 GRAFANA_USER, "
                "GRAFANA_PASSWORD 값을 정하세요"
            ),
            "grafana_no_plugin": (
                "{url}: {plugin} 플러그인이 없습니다. "
                "GF_PLUGINS_PREINSTALL_SYNC=frser-sqlite-datasource@4.0.3 설정으로 Grafana를 "
                "시작하세요"
            ),
            "grafana_unreachable": "{url}: Grafana 응답이 아닙니다 ({detail})",
            "grafana_unauthorized": "{url}: 토큰이나 암호가 맞지 않습니다",
            "grafana_forbidden": "{url}: 토큰에 권한이 없습니다. 역할이 Admin이어야 합니다",
            "grafana_refused": "{url}: 응답 {status}: {detail}",
            "grafana_read_only": (
                "{url}: 프로비저닝 파일에서 온 것이라 API로 바꿀 수 없습니다: {name}"
            ),
        },
    }
)
"""By language and key; both have the same keys."""


def told(key: str, **values: object) -> str:
    """The terminal's text of ``key`` in the user's language.

    Raises:
        KeyError: there is no such text, or it lacks a value.
    """
    return TERMINAL[language()][key].format(**values)
