#!/usr/bin/env bash
# Plays the story: what lies in a folder of arrivals/ arrives at the moment that the folder is named after (UTC), and
# then dbuild builds, at that moment. It begins from nothing each time.
set -euo pipefail
cd "$(dirname "$0")"
rm -rf data out .dbuild

for arrival in arrivals/*/; do
    moment=$(basename "$arrival")
    echo
    echo "$moment: $(cd "$arrival" && echo */*.csv)"
    mkdir -p data
    cp -R "$arrival". data/
    DBUILD_NOW=$moment dbuild "$@" 2>&1
    head -n 1 out/report/2024-01.txt
done
