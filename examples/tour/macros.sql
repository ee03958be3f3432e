-- Macros that every SQL recipe of the tour may use; only those that a recipe uses count for it.
CREATE MACRO percent(part, whole) AS round(100.0 * part / whole, 1);
