-- One day's departures in columns that say what they mean. A flight that never left was cancelled; one that left and
-- has no arrival delay was diverted (or its arrival was never recorded). The day is in the name of the file: the flow
-- gives it as a column.
SELECT
    day,
    hour,
    day + to_hours(sched_dep_time // 100) + to_minutes(sched_dep_time % 100) AS scheduled,
    carrier,
    flight,
    tailnum,
    origin,
    dest,
    distance,
    dep_delay,
    arr_delay,
    dep_time IS NULL AS is_cancelled,
    dep_time IS NOT NULL AND arr_delay IS NULL AS is_diverted
FROM flights
ORDER BY scheduled, carrier, flight, origin
