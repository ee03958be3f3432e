-- A month by airline. The code of an airline is in the path of its file: here it is the column `carrier`.
SELECT
    $month AS month,
    carrier,
    carriers.name,
    count(*) AS flights,
    count(*) FILTER (is_cancelled) AS cancelled,
    count(arr_delay) AS arrived,
    coalesce(sum(arr_delay), 0)::BIGINT AS arrival_delay_minutes, -- below nought: early
    round(avg(arr_delay), 2) AS mean_arrival_delay
FROM clean_flights
JOIN carriers USING (carrier)
GROUP BY carrier, carriers.name
ORDER BY flights DESC, carrier
