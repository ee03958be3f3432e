-- The seven days up to and with this one, by airport (the first days of the data have fewer).
SELECT
    $day AS last_day,
    origin,
    count(DISTINCT day) AS days,
    sum(flights)::BIGINT AS flights,
    sum(cancelled)::BIGINT AS cancelled,
    round(sum(late) / nullif(sum(flights - cancelled), 0), 4) AS late_share,
    round(sum(delay_minutes) / nullif(sum(flights - cancelled), 0), 2) AS mean_delay
FROM daily_delays
GROUP BY origin
ORDER BY origin
