-- A month by airport: how many left late, and how much of that comes with rain or snow.
WITH hours AS (
    SELECT *, flights - cancelled AS flown, coalesce(precip > 0, false) AS is_wet
    FROM daily_delays
)
SELECT
    $month AS month,
    origin,
    sum(flights)::BIGINT AS flights,
    sum(cancelled)::BIGINT AS cancelled,
    sum(late)::BIGINT AS late,
    round(sum(late) / nullif(sum(flown), 0), 4) AS late_share,
    round(sum(late) FILTER (is_wet) / nullif(sum(flown) FILTER (is_wet), 0), 4) AS late_share_wet,
    round(sum(late) FILTER (NOT is_wet) / nullif(sum(flown) FILTER (NOT is_wet), 0), 4) AS late_share_dry,
    round(sum(delay_minutes) / nullif(sum(flown), 0), 2) AS mean_delay
FROM hours
GROUP BY origin
ORDER BY origin
