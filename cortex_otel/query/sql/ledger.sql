-- title: Ledger
-- about: What became of every record, for each UTC day on which it was handed over: received =
--   stored + sampled_out + dropped, always. Expired is what was deleted on that day of all that was
--   stored by then: it is no part of that sum.
-- parameter: from_ns
-- parameter: to_ns
-- column: day epoch_day the UTC day
-- column: signal event|metric|presence|fault|name|argument|line|provider event or metric; or what else was noted (fault, name, argument)
-- column: received count records handed over
-- column: stored count of these, on disk
-- column: sampled_out count of these, left out by sampling
-- column: dropped count of these, lost
-- column: expired count rows deleted on that day, since they were old or too much
-- column: reasons text why they were dropped or deleted, with numbers; of other signals, what was noted
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
    coalesce(sum(l.records) FILTER (WHERE l.outcome = 'expired'), 0) AS expired,
    string_agg(l.reason || ' ' || CAST(l.records AS text), ', ' ORDER BY l.reason)
        FILTER (WHERE l.outcome NOT IN ('received', 'stored', 'sampled_out')) AS reasons
FROM bounds b JOIN ledger l ON l.day >= b.from_day AND l.day < b.to_day
GROUP BY l.day, l.signal
ORDER BY l.day DESC, l.signal
