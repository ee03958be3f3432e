# From a CSV of airlines to text that lines up.
NR == 1 { printf "Departures at least %d minutes late\n\n", minutes; next }
{ gsub(/"/, ""); printf "%-28s %6d flights %5.1f%%\n", $1, $2, $3 }
