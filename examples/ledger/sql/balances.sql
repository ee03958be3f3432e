-- What there was, and what was posted; accounts that come to nothing stay out.
SELECT account, sum(amount)::DECIMAL(18,2) AS balance
FROM (
    SELECT account, balance AS amount FROM before
    UNION ALL
    SELECT account, amount FROM postings
)
GROUP BY account
HAVING sum(amount) <> 0
ORDER BY account
