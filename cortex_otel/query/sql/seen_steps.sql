-- title: Steps that were seen
-- about: What a step of a funnel can be, because it was recorded in the range: event types, single
--   features of them, and tiers. Most frequent first.
-- since: 90d
-- limit: 500
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: step text as funnels write it: mcp.search_context, mcp.tool_call:read_branch, tier:paid
-- column: kind event_type|feature|tier event_type, feature or tier
-- column: events count product events, weighted by sampling; of a tier, events in it
WITH
-- with: bounds
-- with: counted
totals AS (
    SELECT s.event_type, s.feature, s.user_tier, sum(c.events) AS events
    FROM counted c JOIN series s ON s.series_key = c.series_key
    WHERE s.is_product = 1
      AND (:service = '' OR s.service = :service)
      AND (:user_tier = '' OR s.user_tier = :user_tier)
    GROUP BY s.event_type, s.feature, s.user_tier
),
steps AS (
    SELECT event_type AS step, 'event_type' AS kind, sum(events) AS events
    FROM totals GROUP BY event_type
    UNION ALL
    SELECT event_type || ':' || feature, 'feature', sum(events)
    FROM totals WHERE feature <> '' GROUP BY event_type, feature
    UNION ALL
    SELECT 'tier:' || user_tier, 'tier', sum(events)
    FROM totals WHERE user_tier <> '' GROUP BY user_tier
)
SELECT step, kind, events FROM steps ORDER BY events DESC, kind, step
