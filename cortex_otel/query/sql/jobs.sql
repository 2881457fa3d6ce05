-- title: Jobs
-- about: What cortex-otel serve does at its times: how each last ran, and when it is due next.
-- column: job text the job, as cortex-otel jobs lists it
-- column: outcome done|failed|timed_out|interrupted|off of its last run; off: switched off
-- column: failures count failed runs in a row
-- column: last_start unix_ns when its last run began
-- column: run_ms ms how long that took
-- column: last_success unix_ns when a run last worked
-- column: next_run unix_ns when it is due
-- column: running flag 1 while it runs
-- column: job_detail text what came of it, what went wrong, or why it is off
SELECT
    job AS job,
    CASE WHEN next_run IS NULL AND holder IS NULL THEN 'off' ELSE outcome END AS outcome,
    failures AS failures,
    last_start AS last_start,
    CASE WHEN last_end >= last_start THEN (last_end - last_start) / 1e6 END AS run_ms,
    last_success AS last_success,
    next_run AS next_run,
    CASE WHEN holder IS NULL THEN 0 ELSE 1 END AS running,
    detail AS job_detail
FROM jobs
ORDER BY job
