-- title: Funnel
-- about: How many users went how far through a series of steps, all within a window that starts with
--   the first one. Every first step in the range may start an attempt, and the one that gets furthest
--   counts; later steps may come after the range. The row of an event is one step, never two. Of a
--   tier, the first time with it or a higher one counts, so that who skips the trial passes it; as
--   the first step, those who had no higher tier before. Users whose window
--   isn't over at the end are pending, and not yet among the users. Empty if nobody took the first step.
-- since: 90d
-- engine: funnel
-- events: always
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: steps text ["tier:free","tier:trial","tier:paid"] event types (mcp.search_context),
--   features (mcp.tool_call:search_context) or tiers (tier:paid), joined by ' > ' or as a JSON array
-- parameter: within_s integer 2592000 seconds from the first step to the last, inclusive
-- parameter: order ordered|any|strict ordered ordered: other events may come between; strict: none may; any: the
--   steps in any order
-- parameter: exclude text '' events that end an attempt, written as steps; empty for none
-- parameter: breakdown tier|ide|client|service|first_feature|variant:* '' tier, ide, client, service, first_feature or variant:FLAG, by the first
--   event of the attempt; empty for none
-- parameter: as_of_ns integer 0 what came after it isn't known yet, Unix ns; 0: the end of the range
--   or the newest event, whichever is later
-- column: breakdown text the value of the breakdown; empty without one, and where it isn't known
-- column: step count 1 for the first
-- column: name text the step; in any order, how many of them
-- column: users count distinct users who got at least this far and whose window is over
-- column: rate_of_first ratio users / users of step 1
-- column: rate_of_previous ratio users / users of the step before
-- column: median_ms ms median time from the first step to this one
-- column: pending_users count distinct users who got at least this far and whose window isn't over
-- column: sampled flag 1 if sampling may hide some who took it: events of this step are sampled, or a
--   filter or breakdown needs the event at which a tier began
WITH
-- with: asked_steps
-- with: funnel_rows
-- with: funnel_attempts
-- Each attempt with the value of :breakdown, which is that of its first event; '' if it has none. The
-- first feature is the first the user ever used, the variant the first they saw of the flag.
-- with: first_exposures
first_features AS MATERIALIZED (
    SELECT user_key, feature
    FROM (
        SELECT
            e.user_key, s.event_type || ':' || s.feature AS feature,
            row_number() OVER (PARTITION BY e.user_key ORDER BY e.time, e.event_key) AS turn
        FROM events e JOIN series s ON s.series_key = e.series_key
        WHERE :breakdown = 'first_feature' AND s.is_product = 1 AND s.feature <> ''
          AND e.user_key IS NOT NULL
    ) AS turns
    WHERE turn = 1
),
funnel_people AS MATERIALIZED (
    SELECT
        a.user_key, a.step, a.time, a.start_time, a.is_pending,
        coalesce(CASE
            WHEN :breakdown = 'tier' THEN s.user_tier
            WHEN :breakdown = 'service' THEN s.service
            WHEN :breakdown = 'ide' THEN p.ide
            WHEN :breakdown = 'client' THEN
                CASE WHEN e.event_values IS NULL THEN c.attributes ->> $CORTEX_CLIENT_NAME
                     ELSE coalesce((
                         SELECT e.event_values ->> k.key
                         FROM shapes h CROSS JOIN json_each(h.keys) k
                         WHERE h.shape_key = e.shape_key AND k.value = $CORTEX_CLIENT_NAME
                     ), c.attributes ->> $CORTEX_CLIENT_NAME) END
            WHEN :breakdown = 'first_feature' THEN f.feature
            WHEN :breakdown LIKE 'variant:%' THEN v.variant
        END, '') AS breakdown
    FROM attempts a
    LEFT JOIN events e ON e.event_key = a.source
    LEFT JOIN series s ON s.series_key = e.series_key
    LEFT JOIN contexts c ON c.context_key = e.context_key
    LEFT JOIN sessions n ON n.session_key = e.session_key
    LEFT JOIN platforms p ON p.platform_key = n.platform_key
    LEFT JOIN first_features f ON f.user_key = a.user_key
    LEFT JOIN first_exposures v ON v.user_key = a.user_key
),
-- What a user did at the moment of a tier tells service, IDE and client: where that event was left out
-- they aren't known, and the user isn't found with a filter.
hidden_starts AS MATERIALIZED (
    SELECT CASE
        WHEN (:service <> '' OR :user_tier <> '' OR :breakdown <> '')
             AND EXISTS (
                 SELECT 1 FROM asked_steps WHERE tier IS NOT NULL AND (step = 1 OR :order = 'any')
             )
             AND EXISTS (
                 SELECT 1 FROM events e JOIN series s ON s.series_key = e.series_key
                 WHERE e.weight IS NOT NULL AND e.user_key IS NOT NULL AND s.is_product = 1
             )
        THEN 1 ELSE 0
    END AS is_hidden
),
breakdowns AS (
    SELECT breakdown, count(*) AS users FROM funnel_people GROUP BY breakdown
),
counted AS (
    SELECT
        b.breakdown, b.users AS people, t.step, t.name, t.bit,
        count(CASE WHEN p.is_pending = 0 THEN 1 END) AS users,
        count(CASE WHEN p.is_pending = 1 THEN 1 END) AS pending_users
    FROM breakdowns b
    CROSS JOIN asked_steps t
    LEFT JOIN funnel_people p ON p.breakdown = b.breakdown AND p.step >= t.step
    GROUP BY b.breakdown, b.users, t.step, t.name, t.bit
),
durations AS (
    SELECT
        p.breakdown, r.step, r.time - r.start_time AS duration,
        row_number() OVER (
            PARTITION BY p.breakdown, r.step ORDER BY r.time - r.start_time
        ) AS place,
        count(*) OVER (PARTITION BY p.breakdown, r.step) AS users
    FROM funnel_people p JOIN reached r ON r.user_key = p.user_key
    WHERE p.is_pending = 0 AND r.step > 1
)
SELECT
    c.breakdown AS breakdown,
    c.step AS step,
    CASE WHEN :order = 'any' THEN CAST(c.step AS text) ELSE c.name END AS name,
    c.users AS users,
    c.users * 1.0 / nullif(first_value(c.users) OVER by_step, 0) AS rate_of_first,
    c.users * 1.0 / nullif(lag(c.users) OVER by_step, 0) AS rate_of_previous,
    d.duration / 1e6 AS median_ms,
    c.pending_users AS pending_users,
    CASE WHEN h.is_hidden = 1 OR EXISTS (
        SELECT 1 FROM funnel_rows r
        WHERE r.weight IS NOT NULL AND (r.bits & c.bit <> 0 OR (:order = 'any' AND r.bits <> 0))
    ) THEN 1 ELSE 0 END AS sampled
FROM counted c
CROSS JOIN hidden_starts h
LEFT JOIN durations d
    ON d.breakdown = c.breakdown AND d.step = c.step AND d.place = (d.users + 1) / 2
WINDOW by_step AS (PARTITION BY c.breakdown ORDER BY c.step)
ORDER BY c.people DESC, c.breakdown, c.step
