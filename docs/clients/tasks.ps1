# Needs the address of a stage in $env:BASE_URL, and a token in $env:TOKEN.
$ErrorActionPreference = 'Stop'
$base = $env:BASE_URL
$auth = @{ Authorization = "Bearer $env:TOKEN" }

# See who the token says you are
Invoke-RestMethod -Uri "$base/me" -Headers $auth

# Create a task
$task = Invoke-RestMethod -Method Post -Uri "$base/tasks" -Headers $auth -ContentType 'application/json' -Body '{"title":"Write the report"}'
$task

# List tasks
Invoke-RestMethod -Uri "$base/tasks?status=PENDING&limit=10" -Headers $auth

# Read a task
Invoke-RestMethod -Uri "$base/tasks/$($task.id)" -Headers $auth

# Change a task
Invoke-RestMethod -Method Put -Uri "$base/tasks/$($task.id)" -Headers $auth -ContentType 'application/json' -Body '{"status":"IN_PROGRESS"}'

# Delete a task
Invoke-RestMethod -Method Delete -Uri "$base/tasks/$($task.id)" -Headers $auth
