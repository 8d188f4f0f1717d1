# shellcheck shell=sh
# What a real step does with its secrets: uses them, and prints none. Here it tells that they are there.
set -eu
test -n "$DB_PASSWORD"
test "$(cat /dev/shm/db-password)" = "$DB_PASSWORD"
grep -qF "password: \"$DB_PASSWORD\"" /dev/shm/database.yaml
echo "all three are there, ${#DB_PASSWORD} characters each"
