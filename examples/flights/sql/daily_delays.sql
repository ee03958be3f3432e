-- One airport's departures on one day, hour by hour, beside the weather of that hour. Only whole minutes and flights
-- are summed, so the result is the same however many threads work on it.
WITH departures AS (
    SELECT
        hour,
        count(*) AS flights,
        count(*) FILTER (is_cancelled) AS cancelled,
        count(*) FILTER (dep_delay >= $min_delay) AS late,
        coalesce(sum(greatest(dep_delay, 0)), 0)::BIGINT AS delay_minutes -- leaving early makes up for nobody's delay
    FROM clean_flights
    WHERE origin = $origin
    GROUP BY hour
)
SELECT
    $day AS day,
    $origin AS origin,
    departures.*,
    weather.temp,
    weather.wind_speed,
    weather.precip,
    weather.visib,
    weather.pressure
FROM departures
LEFT JOIN weather ON weather.origin = $origin AND weather.hour = departures.hour
ORDER BY departures.hour
