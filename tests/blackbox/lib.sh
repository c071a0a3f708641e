# What every black-box test starts with: a folder of its own, the built programs, and ways to say what is expected.
#
#     . "$top_srcdir/tests/blackbox/lib.sh"
#     run 0 ktbatch apply job.yaml        runs it, expects that status; its output is in ./out and ./err
#     has err '10 done'                   a fixed string that must be there
#     same "$(sql 'select …')" 10         two texts that must be alike
#     finish                              no process, socket or temporary file may be left; exits
#
# A test goes on after a failure and prints each.
set -u
: "${top_srcdir:?is set by make check}" "${top_builddir:?is set by make check}"

unset KTBATCH_DB KTBATCH_TASK_PATH NO_COLOR
work=$(mktemp -d "${TMPDIR:-/tmp}/ktbatch-test.XXXXXX") || exit 99
mkdir "$work/tmp" "$work/run"
TMPDIR=$work/tmp
PATH=$top_builddir:$PATH
KTBATCH_TEST_MARK=$work # in the environment of everything that is started from here: finds what is left behind
export TMPDIR PATH KTBATCH_TEST_MARK
cd "$work/run" || exit 99
failed=0
trap 'rm -rf "$work"' EXIT

fail() {
    failed=$((failed + 1))
    echo "FAILED: $*"
}

# run STATUS COMMAND…
run() {
    expected=$1
    shift
    "$@" >out 2>err </dev/null
    status=$?
    [ "$status" = "$expected" ] && return 0
    fail "exit $status, expected $expected: $*"
    sed 's/^/  out: /' out | head -n 20
    sed 's/^/  err: /' err | head -n 20
    return 1
}

# has FILE TEXT, hasnt FILE TEXT
has() {
    grep -qF -- "$2" "$1" && return 0
    fail "$1 has no \"$2\":"
    sed 's/^/  /' "$1" | head -n 20
}
hasnt() {
    grep -qF -- "$2" "$1" || return 0
    fail "$1 has \"$2\":"
    sed 's/^/  /' "$1" | head -n 20
}
empty() {
    [ ! -s "$1" ] && return 0
    fail "$1 should be empty:"
    sed 's/^/  /' "$1" | head -n 20
}
same() {
    [ "$1" = "$2" ] || fail "got \"$1\", expected \"$2\"${3:+ ($3)}"
}
exists() { [ -e "$1" ] || fail "$1 is not there"; }
missing() { [ ! -e "$1" ] || fail "$1 is there"; }

sql() { # QUERY [DATABASE]
    sqlite3 -cmd '.timeout 10000' "${2:-ktbatch.db}" "$1"
}

# wait_for SECONDS COMMAND…: until the command succeeds
wait_for() {
    limit=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$limit" ] || return 1
        sleep 0.02
    done
}

# Processes started from here that are still there: "PID NAME" a line.
mine() {
    for folder in /proc/[0-9]*; do
        tr '\0' '\n' 2>/dev/null <"$folder/environ" | grep -qxF "KTBATCH_TEST_MARK=$KTBATCH_TEST_MARK" || continue
        read -r name <"$folder/comm" || continue
        case $name in tr | grep | '') continue ;; esac
        case $(sed -n 's/^State:[[:space:]]*//p' "$folder/status" 2>/dev/null) in Z* | X* | '') continue ;; esac
        echo "${folder#/proc/} $name"
    done 2>/dev/null
}
none_left() { [ -z "$(mine)" ]; }
pids_of() { mine | awk -v name="$1" '$2 == name { print $1 }'; } # comm names have at most 15 letters

# Nothing may be left of what was started: asked for a while, because those that die with their runner need a moment.
clean() {
    wait_for 5 none_left || { fail "processes are left: $(mine | tr '\n' ';')"; mine | while read -r pid _; do kill -9 "$pid"; done; }
    left=$(find "$work/tmp" -mindepth 1 | head -n 5)
    [ -z "$left" ] || fail "temporary files are left: $left"
    left=$(find "$work/run" \( -type s -o -name '*.tmp*' -o -name '*-lock' -o -name '*-wal' -o -name '*-shm' \) | head -n 5)
    [ -z "$left" ] || fail "sockets, locks or unfinished files are left: $left"
}

finish() {
    clean
    [ "$failed" = 0 ] || { echo "$failed failed"; exit 1; }
    exit 0
}
skip() { # REASON
    echo "skipped: $*"
    exit 77
}

# A job of commands: NAME, last x, and the script (its $1 is x, its $2 the attempt).
command_job() {
    cat >"$1.yaml" <<JOB
name: $1
task:
  command: [sh, -c, '$3', sh, "\${x}", "\${attempt}"]
  result: number
args:
  x: {range: [1, $2]}
parallelism: 2
retries: 0
JOB
}
# A job of function calls on the library of the examples.
cubes_job() { # NAME LAST
    cat >"$1.yaml" <<JOB
name: $1
task: {function: power_op.power, object: {y: 3}}
args: {x: {range: [1, $2]}}
parallelism: 2
JOB
}
# Every task of a run of cubes has one right result, in the database and in results.jsonl. (awk is exact up to x = 208063.)
check_cubes() { # NAME TASKS
    view=$(echo "$1" | tr - _)
    same "$(sql "select count(*), count(distinct task), sum(state = 'done' and result = x * x * x) from $view")" "$2|$2|$2" "$1 in the database"
    awk -v tasks="$2" '
        match($0, /^{"task":[0-9]+,"args":{"x":[0-9]+},"result":[0-9]+}$/) {
            split($0, part, /[^0-9]+/)
            if (seen[part[2]]++ || part[4] != part[3] ^ 3) bad++
            n++; next
        }
        { bad++ }
        END { if (n != tasks || bad) { printf "%d lines, %d bad\n", n, bad; exit 1 } }' \
        "results/$1-1/results.jsonl" || fail "results/$1-1/results.jsonl is wrong"
}
