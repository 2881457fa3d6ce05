"""What the command line says, in English and Korean.

Korean sentences are built so that no particle depends on a value (조사 문제 없음).
Longer than other files: a line for each text, twice.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cortex_otel import messages_doctor, messages_serve

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TEXTS", "language", "text"]

_ENGLISH = {
    # Help
    "about": "Telemetry of Cortex on this machine: what is recorded, live and in numbers.",
    "examples": (
        "examples:\n"
        "  cortex-otel status                      is it recording, and what is there\n"
        "  cortex-otel tail -f                     watch events as they come in\n"
        "  cortex-otel query                       list the questions\n"
        "  cortex-otel query tools --since 7d      calls, errors and P95 of each tool\n"
        "  cortex-otel query errors --format csv   the latest errors as CSV\n"
        "  cortex-otel doctor -- python server.py  why a server's calls are not recorded\n"
        "  cortex-otel demo --once                 record something and look at it"
    ),
    "help_status": "say whether it is recording, and what is stored",
    "help_tail": "show the latest events, and with -f those that follow",
    "help_query": "ask a question of the catalogue; without a name, list them",
    "help_demo": "drive real MCP servers with telemetry on",
    "help_home": "directory of the database, in place of CORTEX_OTEL_HOME",
    "help_json": "JSON, for programs",
    "help_follow": "go on with new events until Ctrl-C",
    "help_lines": "how many of the latest events (10)",
    "help_service": "only this service",
    "help_tier": "only this tier",
    "help_type": "only this event type",
    "help_user": "only users whose hash begins so",
    "help_name": "question, e.g. tools; without one they are listed",
    "help_since": "24h, 7d, 2w, all, or a date like 2026-11-01 (30d, or as the question says)",
    "help_until": "the same; by default now",
    "help_format": "table, csv or json",
    "help_limit": "at most so many rows (1000)",
    "help_set": "a further parameter of the question, e.g. window_days=14",
    "help_show": "show the question's SQL, its parameters and columns, and don't ask it",
    "help_once": "one round, then exit",
    "help_clean": "delete what the demo made",
    "help_version": "show the version and exit",
    "help_help": "show this help and exit",
    # Errors
    "see_help": "see {program} --help",
    "bad_moment": "{value!r} is no time: give 30m, 24h, 7d, 2w, now, all or a date like 2026-11-01",
    "bad_number": "{value!r} is no whole number of {minimum} or more",
    "bad_assignment": "{value!r} isn't NAME=VALUE with a parameter of {question}: {known}",
    "empty_range": "the range from {since} to {until} is empty: --since lies before --until",
    "unknown_question": "no question {name!r}; cortex-otel query lists them",
    "unknown_question_like": "no question {name!r}; did you mean {like}?",
    "no_filter": "{question} has no filter {option}",
    "demo_missing": "the demo needs more packages: {install} (no {module})",
    "too_slow": "{question} took longer than {limit:g} ms: ask for a shorter range",
    # The store can't be read
    "store_missing": (
        "no database at {path}: start a server with opentelemetry-instrument python server.py, "
        "or try cortex-otel demo --once"
    ),
    "store_newer": "{path} is from a newer cortex-otel: upgrade this one",
    "store_older": "{path} is from an older cortex-otel: the next process that records updates it",
    "store_damaged": (
        "{path} is damaged or no database: move it away, and recording makes a new one"
    ),
    "store_not_ours": (
        "{path} is not a database of cortex-otel: move it away or set CORTEX_OTEL_HOME"
    ),
    "store_locked": "{path} is locked by another process: try again in a moment",
    "store_no_permission": "no permission to read {path}: read it as the user who records",
    "store_directory": "{path} is a directory, not a database",
    "store_cannot_open": (
        "{path} can't be opened: a database in use needs its directory writable, also for reading"
    ),
    "store_unreadable": "{path} can't be read: {detail}",
    # Query
    "question_list": "Questions (cortex-otel query NAME):",
    "no_rows": "Nothing to show from {since} to {until}.",
    "truncated": "Cut after {count} rows: --limit shows more.",
    "show_without_name": "--show needs the name of a question; cortex-otel query lists them",
    "show_parameters": "Parameters:",
    "show_columns": "Columns:",
    "show_exact": (
        "This answers instead where the range holds at most {count} events and none is deleted yet:"
    ),
    # Demo
    "demo_no_git": (
        "the demo needs git: install it with your system's packages (all else comes with {install})"
    ),
    "demo_no_directory": "{path} can't be used: {detail}",
    "demo_not_ours": "{path} wasn't made by the demo and is left alone: give another --home",
    "demo_busy": "another demo is at work in {path}: end it, or give another --home",
    "demo_failed": "{server} failed: {detail}",
    "demo_nothing_stored": "the servers answered, but nothing was recorded; what they said:",
    "demo_starting": "Starting {count} MCP servers, all writing into one database …",
    "demo_served": "  {server} ({tier}): {calls} calls, {errors} failed",
    "demo_watching": "Again in {seconds} s. Ctrl-C ends.",
    "demo_cleaned": "Removed {path}.",
    "demo_nothing_to_clean": "Nothing to remove: there is no {path}.",
    "demo_clean_left": "Removed the demo from {path}; left there, since not its own: {names}.",
    "demo_heading": "{calls} tool calls, {errors} of them failed as they should",
    "demo_rounds": "rounds: {count}",
    "demo_column_service": "Service",
    "demo_column_tool": "Tool",
    "demo_column_tier": "Tier",
    "demo_column_calls": "Calls",
    "demo_column_errors": "Errors",
    "demo_column_p50": "P50 ms",
    "demo_column_p95": "P95 ms",
    "demo_column_server": "Server",
    "demo_column_by": "Telemetry by",
    "demo_by_launcher": "opentelemetry-instrument, code unchanged",
    "demo_column_rows": "Rows",
    "demo_column_agree": "Equal",
    "demo_label_check": "Check",
    "demo_label_repository": "Repository",
    "demo_whole_hours": "So many events that the table covers whole hours, earlier runs included.",
    "demo_agree": "Every call the client made is one row, every failure one error.",
    "demo_disagree": "What is stored differs from what the client saw.",
    "demo_next": "Try next:",
    "demo_next_query": "this table from the command line",
    # Tail
    "waiting": "Waiting for {path} …",
    # Verdicts of status
    "recording": "Recording: {count} process(es) at work, last event {age} ago.",
    "recording_trouble": "Recording, but {count} process(es) can't store: {reason}.",
    "not_recording": "Not recording: {reason}.",
    "ready": "Ready: {count} process(es) at work, no event yet.",
    "off": "Switched off by {reason}.",
    "idle": "Nothing is recording at present; last event {age} ago.",
    "nothing_yet": (
        "Nothing recorded yet. Start a server with: opentelemetry-instrument python server.py "
        "(or try: cortex-otel demo --once)."
    ),
    "unreadable": "Can't be read: {reason}.",
    # Reasons in verdicts
    "trouble_disk_full": "the disk is full",
    "trouble_read_only": "the database or its directory is read-only",
    "trouble_locked": "another process keeps the database locked",
    "trouble_corrupt": "the database is damaged",
    "trouble_schema_newer": "the database is from a newer cortex-otel",
    "trouble_not_ours": "the file is not a database of cortex-otel",
    "trouble_unavailable": "the database can't be opened",
    "directory_not_writable": "{path} can't be written to",
    # Labels and values of status
    "label_database": "Database",
    "label_size": "Size",
    "label_events": "Events",
    "label_users": "Users",
    "label_sessions": "Sessions",
    "label_first": "First event",
    "label_last": "Last event",
    "label_schema": "Schema",
    "label_ledger": "Records",
    "label_disk": "Disk free",
    "label_modes": "File modes",
    "label_writers": "Processes",
    "label_faults": "Faults",
    "noted_fault_swallowed": "Faults in all",
    "label_notes": "Settings",
    "noted_argument_refused": "Refused in events",
    "noted_argument_missing": "Missing in events",
    "noted_name_overflowed": "Stored as _OTHER",
    "span_lean": "lean span",
    "span_sdk": "OpenTelemetry's own span (CORTEX_OTEL_SPAN=sdk)",
    "span_host": "OpenTelemetry's own span: the host made the tracer provider",
    "span_untested": "OpenTelemetry's own span: lean isn't tested with SDK {version}",
    "forward_redacted": "redacted copies go to: {version}",
    "forward_raw": "RAW PERSONAL DATA GOES TO: {version}",
    "noted_event_sent": "Sent on",
    "noted_event_send_failed": "Not sent on",
    "noted_metric_sent": "Metrics sent on",
    "noted_metric_send_failed": "Metrics not sent on",
    "noted_provider_joined": "Host's providers joined",
    "noted_provider_mirrored": "Host's providers followed",
    "noted_provider_apart": "Host's providers not joined",
    "provider_joined": "{signal}: the host's own provider, which we have joined: both get all",
    "provider_mirrored": (
        "{signal}: the host's own provider, of another make than OpenTelemetry's: its spans are "
        "followed, both get all"
    ),
    "provider_apart": (
        "{signal}: the host's own provider can't be joined: what it gets isn't stored here"
    ),
    "missing": "{path} (none yet)",
    "size": "{total} ({wal} of it in the write-ahead log)",
    "ledger": (
        "{received} received = {stored} stored + {sampled_out} sampled out + {dropped} dropped"
    ),
    "ledger_metrics": "metrics: {ledger}",
    "noted_value_left_out": "Values left out",
    "ago": "{time} ({age} ago)",
    "writer": "pid {pid}, {service}: {stored} stored, {queued} waiting",
    "modes": "directory {directory}, database {database}",
    "modes_open": "open to other users",
    "none": "none",
    "seconds": "{count} s",
    "minutes": "{count} min",
    "hours": "{count} h",
    "days": "{count} d",
}

_KOREAN = {
    # Help
    "about": "이 컴퓨터에 기록된 Cortex 텔레메트리: 기록 상태, 실시간 이벤트, 통계.",
    "examples": (
        "사용 예:\n"
        "  cortex-otel status                      기록 중인지, 무엇이 저장되어 있는지\n"
        "  cortex-otel tail -f                     들어오는 이벤트 실시간 보기\n"
        "  cortex-otel query                       질문 목록\n"
        "  cortex-otel query tools --since 7d      도구별 호출, 오류, P95\n"
        "  cortex-otel query errors --format csv   최근 오류를 CSV 형식으로\n"
        "  cortex-otel doctor -- python server.py  서버 호출이 기록되지 않는 이유\n"
        "  cortex-otel demo --once                 직접 기록해 보고 결과 확인"
    ),
    "help_status": "기록 중인지, 무엇이 저장되어 있는지 표시",
    "help_tail": "최근 이벤트 표시, -f 옵션은 새 이벤트도 계속 표시",
    "help_query": "질문 실행, 이름이 없으면 질문 목록 표시",
    "help_demo": "텔레메트리를 켠 실제 MCP 서버 실행",
    "help_home": "데이터베이스 디렉터리 (CORTEX_OTEL_HOME 대신)",
    "help_json": "프로그램용 JSON 출력",
    "help_follow": "Ctrl-C 입력 전까지 새 이벤트 계속 표시",
    "help_lines": "표시할 최근 이벤트 수 (10)",
    "help_service": "이 서비스만",
    "help_tier": "이 등급만",
    "help_type": "이 이벤트 유형만",
    "help_user": "해시가 이렇게 시작하는 사용자만",
    "help_name": "질문 이름, 예: tools (없으면 목록 표시)",
    "help_since": "24h, 7d, 2w, all 또는 2026-11-01 같은 날짜 (기본값: 30d 또는 질문별 기본값)",
    "help_until": "같은 형식, 기본값은 현재 시각",
    "help_format": "table, csv 또는 json",
    "help_limit": "최대 행 수 (1000)",
    "help_set": "질문의 추가 매개변수, 예: window_days=14",
    "help_show": "질문을 실행하지 않고 SQL, 매개변수, 열 표시",
    "help_once": "한 번만 실행하고 종료",
    "help_clean": "데모가 만든 파일 삭제",
    "help_version": "버전 표시 후 종료",
    "help_help": "도움말 표시 후 종료",
    # Errors
    "see_help": "도움말: {program} --help",
    "bad_moment": (
        "알 수 없는 시각: {value!r} (가능한 값: 30m, 24h, 7d, 2w, now, all, 2026-11-01 같은 날짜)"
    ),
    "bad_number": "잘못된 값: {value!r} ({minimum} 이상의 정수만 가능)",
    "bad_assignment": (
        "잘못된 값: {value!r} (이름=값 형식만 가능, {question} 질문의 매개변수: {known})"
    ),
    "empty_range": "빈 기간: {since} ~ {until} (--since 시각이 --until 시각보다 앞서야 함)",
    "unknown_question": "없는 질문: {name!r} (목록: cortex-otel query)",
    "unknown_question_like": "없는 질문: {name!r} (비슷한 이름: {like})",
    "no_filter": "{question} 질문에는 {option} 필터 없음",
    "demo_missing": ("데모에 필요한 패키지 없음: {install} (없는 모듈: {module})"),
    "too_slow": "{question} 질문 시간 초과: {limit:g} ms (더 짧은 기간으로 다시 시도)",
    # The store can't be read
    "store_missing": (
        "데이터베이스 없음: {path} (서버 시작: opentelemetry-instrument python server.py, "
        "체험: cortex-otel demo --once)"
    ),
    "store_newer": "더 새로운 cortex-otel 데이터베이스: {path} (이 cortex-otel 업그레이드 필요)",
    "store_older": "이전 cortex-otel 데이터베이스: {path} (다음 기록 시 자동 업데이트)",
    "store_damaged": (
        "손상되었거나 데이터베이스가 아닌 파일: {path} (옮기면 다음 기록 시 새로 생성)"
    ),
    "store_not_ours": (
        "cortex-otel 데이터베이스가 아닌 파일: {path} (파일을 옮기거나 CORTEX_OTEL_HOME 변경)"
    ),
    "store_locked": "다른 프로세스가 잠근 데이터베이스: {path} (잠시 후 다시 시도)",
    "store_no_permission": "읽기 권한 없음: {path} (기록하는 사용자 계정으로 실행)",
    "store_directory": "데이터베이스가 아닌 디렉터리: {path}",
    "store_cannot_open": (
        "열 수 없는 데이터베이스: {path} (사용 중일 때는 읽기에도 디렉터리 쓰기 권한 필요)"
    ),
    "store_unreadable": "읽을 수 없는 데이터베이스: {path} ({detail})",
    # Query
    "question_list": "질문 목록 (cortex-otel query 이름):",
    "no_rows": "표시할 내용 없음: {since} ~ {until}",
    "truncated": "{count}행까지만 표시됨 (더 보기: --limit)",
    "show_without_name": "--show 옵션에는 질문 이름 필요 (목록: cortex-otel query)",
    "show_parameters": "매개변수:",
    "show_columns": "열:",
    "show_exact": "기간 안의 이벤트가 {count}개 이하이고 모두 남아 있으면 대신 쓰는 SQL:",
    # Demo
    "demo_no_git": ("데모에 git 필요: 시스템 패키지로 설치 (나머지는 {install} 명령으로 설치)"),
    "demo_no_directory": "사용할 수 없는 디렉터리: {path} ({detail})",
    "demo_not_ours": "데모가 만들지 않은 디렉터리라 그대로 둠: {path} (다른 --home 지정)",
    "demo_busy": "다른 데모가 실행 중: {path} (먼저 종료하거나 다른 --home 지정)",
    "demo_failed": "{server} 실패: {detail}",
    "demo_nothing_stored": "서버는 응답했지만 기록된 것 없음, 서버 출력:",
    "demo_starting": "MCP 서버 {count}개 시작, 모두 한 데이터베이스에 기록 …",
    "demo_served": "  {server} ({tier}): 호출 {calls}회, 실패 {errors}회",
    "demo_watching": "{seconds}초 뒤 다시 실행. 종료: Ctrl-C.",
    "demo_cleaned": "삭제됨: {path}",
    "demo_nothing_to_clean": "삭제할 것 없음: {path}",
    "demo_clean_left": "데모 파일 삭제됨: {path} (데모가 만들지 않아 남겨 둔 파일: {names})",
    "demo_heading": "도구 호출 {calls}회, 그중 의도된 실패 {errors}회",
    "demo_rounds": "실행 {count}회",
    "demo_column_service": "서비스",
    "demo_column_tool": "도구",
    "demo_column_tier": "등급",
    "demo_column_calls": "호출",
    "demo_column_errors": "오류",
    "demo_column_p50": "P50 ms",
    "demo_column_p95": "P95 ms",
    "demo_column_server": "서버",
    "demo_column_by": "계측 방법",
    "demo_by_launcher": "opentelemetry-instrument, 코드 수정 없음",
    "demo_column_rows": "행",
    "demo_column_agree": "일치",
    "demo_label_check": "확인",
    "demo_label_repository": "저장소",
    "demo_whole_hours": "이벤트가 많아 표는 정시 단위로 집계됨 (이전 실행 포함).",
    "demo_agree": "클라이언트의 모든 호출이 한 행씩, 모든 실패가 오류로 저장됨.",
    "demo_disagree": "저장된 내용이 클라이언트가 본 것과 다름.",
    "demo_next": "다음 명령:",
    "demo_next_query": "이 표를 명령줄에서 보기",
    # Tail
    "waiting": "데이터베이스 기다리는 중: {path} …",
    # Verdicts of status
    "recording": "기록 중: 프로세스 {count}개 실행 중, 마지막 이벤트 {age} 전.",
    "recording_trouble": "기록 중, 단 프로세스 {count}개 저장 불가: {reason}.",
    "not_recording": "기록 안 됨: {reason}.",
    "ready": "준비됨: 프로세스 {count}개 실행 중, 아직 이벤트 없음.",
    "off": "꺼져 있음: {reason}.",
    "idle": "지금은 기록 중인 프로세스 없음, 마지막 이벤트 {age} 전.",
    "nothing_yet": (
        "아직 기록 없음. 서버 시작 방법: opentelemetry-instrument python server.py "
        "(체험: cortex-otel demo --once)."
    ),
    "unreadable": "읽기 실패: {reason}.",
    # Reasons in verdicts
    "trouble_disk_full": "디스크 공간 부족",
    "trouble_read_only": "데이터베이스 또는 디렉터리가 읽기 전용",
    "trouble_locked": "다른 프로세스가 데이터베이스를 잠근 상태",
    "trouble_corrupt": "데이터베이스 손상",
    "trouble_schema_newer": "더 새로운 cortex-otel 버전의 데이터베이스",
    "trouble_not_ours": "cortex-otel 데이터베이스가 아닌 파일",
    "trouble_unavailable": "데이터베이스를 열 수 없음",
    "directory_not_writable": "쓸 수 없는 디렉터리: {path}",
    # Labels and values of status
    "label_database": "데이터베이스",
    "label_size": "크기",
    "label_events": "이벤트",
    "label_users": "사용자",
    "label_sessions": "세션",
    "label_first": "첫 이벤트",
    "label_last": "마지막 이벤트",
    "label_schema": "스키마",
    "label_ledger": "기록",
    "label_disk": "디스크 여유",
    "label_modes": "파일 권한",
    "label_writers": "프로세스",
    "label_faults": "내부 오류",
    "noted_fault_swallowed": "내부 오류 누계",
    "label_notes": "설정",
    "noted_argument_refused": "거부된 이벤트 인자",
    "noted_argument_missing": "누락된 이벤트 인자",
    "noted_name_overflowed": "_OTHER로 저장",
    "span_lean": "경량(lean) 스팬",
    "span_sdk": "OpenTelemetry 기본 스팬 (CORTEX_OTEL_SPAN=sdk)",
    "span_host": "OpenTelemetry 기본 스팬: 호스트가 트레이서 프로바이더를 직접 만듦",
    "span_untested": "OpenTelemetry 기본 스팬: 경량 스팬은 SDK {version}에서 시험되지 않음",
    "forward_redacted": "개인정보를 지운 사본 전송 대상: {version}",
    "forward_raw": "개인정보 원본 전송 대상: {version}",
    "noted_event_sent": "전송됨",
    "noted_event_send_failed": "전송 실패",
    "noted_metric_sent": "전송된 메트릭",
    "noted_metric_send_failed": "전송 실패 메트릭",
    "noted_provider_joined": "합류한 호스트 프로바이더",
    "noted_provider_mirrored": "따라 기록한 호스트 프로바이더",
    "noted_provider_apart": "합류 못 한 호스트 프로바이더",
    "provider_joined": "{signal}: 호스트의 프로바이더에 합류, 양쪽 모두 전부 받음",
    "provider_mirrored": (
        "{signal}: OpenTelemetry SDK가 아닌 호스트의 프로바이더, 스팬을 따라 기록하여 양쪽 모두 "
        "전부 받음"
    ),
    "provider_apart": "{signal}: 호스트의 프로바이더에 합류 불가, 그쪽 기록은 여기 저장되지 않음",
    "missing": "{path} (아직 없음)",
    "size": "{total} (그중 WAL {wal})",
    "ledger": "받음 {received} = 저장 {stored} + 표본 제외 {sampled_out} + 버림 {dropped}",
    "ledger_metrics": "지표: {ledger}",
    "noted_value_left_out": "제외된 값",
    "ago": "{time} ({age} 전)",
    "writer": "pid {pid}, {service}: 저장 {stored}, 대기 {queued}",
    "modes": "디렉터리 {directory}, 데이터베이스 {database}",
    "modes_open": "다른 사용자에게 열려 있음",
    "none": "없음",
    "seconds": "{count}초",
    "minutes": "{count}분",
    "hours": "{count}시간",
    "days": "{count}일",
}

TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": _ENGLISH | messages_doctor.ENGLISH | messages_serve.ENGLISH,
    "ko": _KOREAN | messages_doctor.KOREAN | messages_serve.KOREAN,
}
"""Every text by language and key; all languages have the same keys."""


def language(environ: Mapping[str, str] | None = None) -> str:
    """``ko`` or ``en``: ``CORTEX_OTEL_LANG``, else the locale of the environment, else English."""
    environ = os.environ if environ is None else environ
    for name in ("CORTEX_OTEL_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(name, "").strip().lower():
            return "ko" if value.startswith("ko") else "en"
    return "en"


def text(key: str, **values: object) -> str:
    """The text of ``key`` in the user's language, with ``values`` filled in.

    Raises:
        KeyError: there is no such text, or it lacks a value.
    """
    return TEXTS[language()][key].format(**values)
