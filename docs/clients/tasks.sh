#!/usr/bin/env bash
# Needs curl and python3, the address of a stage in BASE_URL, and a token in TOKEN.
set -euo pipefail
: "${BASE_URL:?set it to the address of a stage}" "${TOKEN:?set it to a token}"
AUTH="Authorization: Bearer $TOKEN"

# See who the token says you are
curl -sS --fail-with-body "$BASE_URL/me" -H "$AUTH"; echo

# Create a task
TASK=$(curl -sS --fail-with-body -X POST "$BASE_URL/tasks" -H "$AUTH" -H "Content-Type: application/json" -d '{"title":"Write the report"}') || { echo "$TASK"; false; }; echo "$TASK"
ID=$(echo "$TASK" | python3 -c 'import json,sys; print(json.load(sys.stdin)["id"])')

# List tasks
curl -sS --fail-with-body "$BASE_URL/tasks?status=PENDING&limit=10" -H "$AUTH"; echo

# Read a task
curl -sS --fail-with-body "$BASE_URL/tasks/$ID" -H "$AUTH"; echo

# Change a task
curl -sS --fail-with-body -X PUT "$BASE_URL/tasks/$ID" -H "$AUTH" -H "Content-Type: application/json" -d '{"status":"IN_PROGRESS"}'; echo

# Delete a task
curl -sS --fail-with-body -X DELETE "$BASE_URL/tasks/$ID" -H "$AUTH"
