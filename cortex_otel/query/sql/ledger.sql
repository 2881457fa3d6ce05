-- title: Ledger
-- title.ko: 기록 대장
-- about: What became of every record, for each UTC day on which it was handed over:
--   received = stored + sampled_out + dropped, always.
-- about.ko: 전달된 모든 기록이 어떻게 되었는지 날짜(UTC)별로 표시합니다. 수신 = 저장 + 샘플링 제외
--   + 유실.
-- parameter: from_ns
-- parameter: to_ns
-- column: day epoch_day the UTC day
-- column.ko: day 날짜(UTC)
-- column: signal text event or metric; or what else was noted (fault, name, argument)
-- column.ko: signal event 또는 metric. 그 밖에 적어 둔 것(fault, name, argument)
-- column: received count records handed over
-- column.ko: received 전달된 기록 수
-- column: stored count of these, on disk
-- column.ko: stored 그중 디스크에 저장된 것
-- column: sampled_out count of these, left out by sampling
-- column.ko: sampled_out 그중 샘플링으로 제외된 것
-- column: dropped count of these, lost
-- column.ko: dropped 그중 유실된 것
-- column: reasons text why they were dropped, with numbers; of other signals, what was noted
-- column.ko: reasons 유실된 이유와 수. 다른 신호는 적어 둔 내용
WITH bounds AS (
    SELECT
        :from_ns / 86400000000000 AS from_day,
        (:to_ns + 86399999999999) / 86400000000000 AS to_day
)
SELECT
    l.day AS day,
    l.signal AS signal,
    coalesce(sum(l.records) FILTER (WHERE l.outcome = 'received'), 0) AS received,
    coalesce(sum(l.records) FILTER (WHERE l.outcome = 'stored'), 0) AS stored,
    coalesce(sum(l.records) FILTER (WHERE l.outcome = 'sampled_out'), 0) AS sampled_out,
    coalesce(sum(l.records) FILTER (WHERE l.outcome = 'dropped'), 0) AS dropped,
    string_agg(l.reason || ' ' || CAST(l.records AS text), ', ' ORDER BY l.reason)
        FILTER (WHERE l.outcome NOT IN ('received', 'stored', 'sampled_out')) AS reasons
FROM bounds b JOIN ledger l ON l.day >= b.from_day AND l.day < b.to_day
GROUP BY l.day, l.signal
ORDER BY l.day DESC, l.signal
