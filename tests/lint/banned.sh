#!/bin/sh
# What our C does not call, or calls in one place only.
#   banned.sh [TREE]
set -eu
cd "${1:-$(dirname "$0")/../..}"
found=$(mktemp)
code=$(mktemp)
trap 'rm -f "$found" "$code"' EXIT

# Files without comments and texts, as file:line:code, so that a word in a sentence is no call.
awk '
    FNR == 1 { inside = 0 }
    { rest = $0; line = ""
      if (!inside) { gsub(/\\./, "", rest); gsub(/"[^"]*"/, "\"\"", rest) }
      while (rest != "") {
          if (inside) {
              end = index(rest, "*/")
              if (!end) break
              rest = substr(rest, end + 2); inside = 0
          } else {
              begin = index(rest, "/*")
              if (!begin) { line = line rest; break }
              line = line substr(rest, 1, begin - 1); rest = substr(rest, begin + 2); inside = 1
          }
      }
      if (line ~ /[^ \t]/) printf "%s:%d:%s\n", FILENAME, FNR, line }' src/*.c src/*/*.[ch] include/vp/*.h >"$code"

forbid() { # why pattern [files that may]
    allowed=$(printf '%s' "${3:-}" | tr '\n' ' ')
    { grep -E "$2" "$code" || true; } | while IFS= read -r hit; do
        case " $allowed " in
        *" ${hit%%:*} "*) ;;
        *) printf '%s   <- %s\n' "$hit" "$1" ;;
        esac
    done >>"$found"
}

forbid "no bound" '\b(sprintf|vsprintf|strcpy|strcat|strncpy|strncat|gets|alloca)\('
forbid "errors unseen" '\b(atoi|atol|atoll|strtok)\('
forbid "the process starts nothing, but for arv-vault exec" \
    '\b(system|popen|fork|vfork|execl|execlp|execle|execv|execvp|execvpe|execve|fexecve|posix_spawn)\(' \
    "src/client/become.c src/client/supervise.c"
forbid "locale decides" '\b(isalnum|isalpha|islower|isupper|tolower|toupper)\('
forbid "not random enough" '\b(rand|random|srand)\('
forbid "compares secrets in time that tells" 'memcmp\(.*reveal'
forbid "cleanup is by attribute" '\bgoto\b'
forbid "err is never NULL (vp/error.h)" '\berr [!=]= NULL'
forbid "output belongs to the host; text for people is in these files" '\b(printf|fprintf|puts|fputs|perror)\(' \
    "src/plugin/serve.c src/plugin/selfcheck.c src/plugin/handshake.c src/plugin/process.c
     src/client/exit.c src/client/become.c src/client/progress.c src/client/cmd_wrap.c src/client/cmd_put.c"
forbid "the environment is changed in these files" '\b(setenv|putenv|unsetenv|clearenv)\(' \
    "src/plugin/process.c src/http/client.c"
# Every place that sees the bytes of a secret, and why it must.
forbid "a new reader of secrets: add it here with its reason" 'vp_secret_reveal\(' "
    src/base/secret.c include/vp/secret.h
    src/http/easy.c
    src/arvados/form.c
    src/logical/field_value.c
    src/auth/lease.c
    src/arvados/salt.c
    src/arvados/fingerprint.c
    src/arvados/mint.c
    src/tokens/lease.c
    src/tokens/mint.c
    src/tokens/wal.c
    src/vault/ask.c
    src/vault/token.c
    src/vault/wrap.c
    src/client/cmd_token.c
    src/client/cmd_serve.c
    src/client/cmd_wrap.c"
# (its own file; the Authorization header; the form check; the stored record; the lease of a mount without service token;
# the secrets engine: the token that is minted, a lease's internal data, the answer, the write-ahead log;
# arv-vault: salting; the X-Vault-Token header; the body of a login; of a look-up; the token that login, wrap and serve print)

{ grep -nE '\b(TO''DO|FIX''ME|XX''X|HA''CK)\b' -r src include || true; } | sed 's/$/   <- left open/' >>"$found"

if [ -s "$found" ]; then
    cat "$found"
    exit 1
fi
echo "banned: nothing of it is called"
