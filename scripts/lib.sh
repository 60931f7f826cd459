# shellcheck shell=bash
# What the scripts share. Source it: it goes to the root of the checkout and defines functions.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n── %s\n' "$*"; }
die() {
    printf '%s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# at_least 20.19 20.20.2 → the second version is not older than the first
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# Queries are checked against the committed metadata, whatever database the shell's DATABASE_URL names.
export SQLX_OFFLINE=true

# rustup installs here, and a fresh shell may not know yet.
case ":$PATH:" in *":$HOME/.cargo/bin:"*) ;; *) PATH="$PATH:$HOME/.cargo/bin" ;; esac
export PATH

TARGET=${CARGO_TARGET_DIR:-target}
export PROOFLINE_BIN="$TARGET/fast/proofline" AGENT_BIN="$TARGET/fast/proofline-agent"
case "$PROOFLINE_BIN" in /*) ;; *) PROOFLINE_BIN="$PWD/$PROOFLINE_BIN" AGENT_BIN="$PWD/$AGENT_BIN" ;; esac

# The browser of the end-to-end tests: the system's, else Playwright's own.
find_chromium() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        if have "$name"; then
            command -v "$name"
            return
        fi
    done
    find "${PLAYWRIGHT_BROWSERS_PATH:-$HOME/.cache/ms-playwright}" -type f -name chrome -perm -u+x -print -quit 2>/dev/null || true
}

logs=$TARGET/test-logs
closing=()
failed=

# suite name pattern command…: runs it, whatever became of the one before. Its closing line is the last one that matches
# the pattern; its whole output goes to a file in $logs.
suite() {
    local name=$1 pattern=$2 began=$SECONDS status=0 line log
    shift 2
    mkdir -p "$logs"
    log=$logs/${name// /-}.log
    say "$name: $*"
    "$@" </dev/null 2>&1 | tee "$log" || status=$?
    # Colours and carriage returns would hide the words.
    line=$(sed -E 's/\x1b\[[0-9;]*[A-Za-z]//g; s/\r//g' "$log" | grep -E "$pattern" | tail -n 1 | sed -E 's/^ +//') || true
    closing+=("$(printf '%-22s %-6s %4ss  %s' "$name" "$([ "$status" = 0 ] && echo ok || echo FAILED)" $((SECONDS - began)) "$line")")
    [ "$status" = 0 ] || failed=yes
}

# What every suite said at its end; fails when one of them did.
closing_lines() {
    say "closing lines (whole output in $logs)"
    printf '%s\n' "${closing[@]}"
    [ -z "$failed" ]
}

# judges folder [short]: the outside judges, on the binary of PROOFLINE_BIN; their programs are installed where they changed
judges() {
    local home=$TARGET/judges wanted=scripts/judges/requirements.txt
    if ! cmp -s "$wanted" "$home/installed.txt"; then
        python3 -m venv --clear "$home"
        "$home/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement "$wanted"
        cp "$wanted" "$home/installed.txt"
    fi
    "$home/bin/python" scripts/judges/main.py "$@"
}
