-- All branches and currencies in francs.
SELECT
    branch,
    sum(CASE currency WHEN 'EUR' THEN balance * (SELECT rate FROM rates) ELSE balance END)::DECIMAL(18,2) AS francs
FROM balances
GROUP BY branch
ORDER BY branch
