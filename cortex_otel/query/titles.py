"""Short titles of the columns, in English and Korean: what a heading, a card or a legend says.

A column of the same name is called the same on every page. What it means exactly differs from
question to question and is in the question's own header.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COLUMN_TITLES"]

_TITLES = {
    "accepted": ("Accepted", "채택"),
    "accuracy": ("Acceptance", "채택률"),
    "activations": ("Activations", "활성화"),
    "active_days": ("Active days", "활동 일수"),
    "active_users": ("Active users", "활성 사용자"),
    "avg_ms": ("Average", "평균"),
    "avg_results": ("Results per search", "검색당 결과"),
    "avg_session_ms": ("Average session", "평균 세션 길이"),
    "branches": ("Branches", "브랜치"),
    "calls": ("Calls", "호출"),
    "cancelled": ("Cancelled", "취소"),
    "checks": ("Checks", "검사"),
    "code_inserts": ("Code insertions", "코드 삽입"),
    "cohort": ("Cohort", "코호트"),
    "cohort_users": ("Cohort size", "코호트 크기"),
    "completions_accepted": ("Completions accepted", "수락한 자동 완성"),
    "compressions": ("Compressions", "압축"),
    "conversion_rate": ("Conversion", "전환율"),
    "converted_users": ("Converted", "전환"),
    "dau": ("DAU", "DAU"),
    "day": ("Day", "날짜"),
    "dropped": ("Dropped", "유실"),
    "duration_ms": ("Duration", "소요 시간"),
    "eligible_users": ("Eligible", "대상"),
    "end_time": ("End", "끝"),
    "error_rate": ("Error rate", "오류율"),
    "error_type": ("Error type", "오류 유형"),
    "error_types": ("Error types", "오류 유형 수"),
    "error_users": ("Users with errors", "오류를 겪은 사용자"),
    "errors": ("Errors", "오류"),
    "event_type": ("Event type", "이벤트 유형"),
    "events": ("Events", "이벤트"),
    "feature": ("Feature", "기능"),
    "first_seen": ("First seen", "처음 본 때"),
    "id": ("Id", "ID"),
    "ide": ("IDE", "IDE"),
    "installed": ("Installed", "설치한 날"),
    "installs": ("Installations", "설치"),
    "interaction": ("Interaction", "동작"),
    "interactions": ("Interactions", "UI 동작"),
    "kind": ("Kind", "종류"),
    "last_active": ("Last active", "마지막 활동"),
    "last_error": ("Last error", "마지막 오류"),
    "last_event": ("Last event", "마지막 이벤트"),
    "last_used": ("Last used", "마지막 사용"),
    "lines_inserted": ("Lines inserted", "삽입한 줄"),
    "mau": ("MAU", "MAU"),
    "message": ("Message", "메시지"),
    "mode": ("Mode", "방식"),
    "n": ("n", "n"),
    "name": ("Name", "이름"),
    "new_users": ("New users", "신규 사용자"),
    "os": ("OS", "운영 체제"),
    "p50_ms": ("P50", "P50"),
    "p95_ms": ("P95", "P95"),
    "p99_ms": ("P99", "P99"),
    "parent_span_id": ("Parent span", "상위 스팬"),
    "partial": ("So far", "집계 중"),
    "pending_users": ("Pending", "대기"),
    "rate_of_first": ("Of the first step", "첫 단계 대비"),
    "rate_of_previous": ("Of the step before", "이전 단계 대비"),
    "reached": ("Reached", "도달 단계"),
    "reasons": ("Reasons", "이유"),
    "recall": ("Recall", "재현율"),
    "received": ("Received", "수신"),
    "result": ("Result", "결과"),
    "retention": ("Retention", "유지율"),
    "sampled_out": ("Sampled out", "샘플링 제외"),
    "savings_rate": ("Token savings", "토큰 절감률"),
    "searches": ("Searches", "검색"),
    "service": ("Service", "서비스"),
    "session_id": ("Session", "세션"),
    "sessions": ("Sessions", "세션"),
    "sessions_per_user": ("Sessions per user", "사용자당 세션"),
    "share": ("Share", "비율"),
    "signal": ("Signal", "신호"),
    "silent_ms": ("Silent for", "무응답 시간"),
    "span_id": ("Span", "스팬"),
    "start_time": ("Start", "시작"),
    "state": ("State", "상태"),
    "step": ("Step", "단계"),
    "stickiness": ("DAU / MAU", "DAU / MAU"),
    "stored": ("Stored", "저장"),
    "suggested": ("Suggested", "제안"),
    "time": ("Time", "시각"),
    "timed": ("n", "n"),
    "timeouts": ("Timeouts", "시간 초과"),
    "tokens_after": ("Tokens after", "압축 후 토큰"),
    "tokens_before": ("Tokens before", "압축 전 토큰"),
    "tool_name": ("Tool", "도구"),
    "tools": ("Tools", "도구 수"),
    "trace_id": ("Trace", "트레이스"),
    "user_id_hash": ("User", "사용자"),
    "user_share": ("Share of users", "사용자 비율"),
    "user_tier": ("Tier", "등급"),
    "users": ("Users", "사용자"),
    "wau": ("WAU", "WAU"),
    "week": ("Week", "주"),
    "with_tool": ("With", "함께 쓴 도구"),
}

COLUMN_TITLES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        name: MappingProxyType({"en": english, "ko": korean})
        for name, (english, korean) in _TITLES.items()
    }
)
"""By the name of the column, then by language."""
