-- One airline's month: one row, of noughts if it didn't fly.
SELECT
    $month AS month,
    (SELECT name FROM carriers) AS name,
    count(*) AS flights,
    count(*) FILTER (dep_delay >= $min_delay) AS late
FROM flights
WHERE carrier = $carrier
