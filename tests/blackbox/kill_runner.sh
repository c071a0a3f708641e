#!/bin/bash
# kill -9 of the runner at 60 random moments of one run. Each task then has exactly one right result, in the database and in
# results.jsonl, and no task ran again once its result was committed.
. "$top_srcdir/tests/blackbox/lib.sh"

# Every execution leaves a line; what is committed when a runner is dead must not be run by the next one.
command_job job 4000 'echo $1 >>ran; echo $(($1 * $1 * $1))'
kills=0
round=0
: >ran
while [ $kills -lt 60 ] && [ $round -lt 120 ]; do
    round=$((round + 1))
    before=$(wc -l <ran)
    if [ $round = 1 ]; then ktbatch apply job.yaml -q >o 2>e & else ktbatch resume job-1 -q >o 2>e & fi
    runner=$!
    # Some die in their first moments, some in the midst of the work.
    sleep "0.0$((RANDOM % 8))$((RANDOM % 10))"
    if kill -9 $runner 2>/dev/null; then kills=$((kills + 1)); fi
    wait $runner 2>/dev/null
    status=$?
    # The next may begin only when this one's workers are gone: what they still run is theirs.
    wait_for 5 none_left || fail "round $round: processes are left: $(mine | tr '\n' ';')"
    if [ -e ktbatch.db ]; then
        sqlite3 ktbatch.db "select x from job where state = 'done'" 2>/dev/null | sort >committed || :
        tail -n +$((before + 1)) ran | sort >this_round
        if [ -e committed_before ]; then
            again=$(comm -12 committed_before this_round | head -n 3 | tr '\n' ' ')
            [ -z "$again" ] || fail "round $round: ran again although committed: $again"
        fi
        mv committed committed_before
        if [ -s e ] && [ "$status" != 137 ] && [ "$status" != 0 ]; then fail "round $round: exit $status: $(cat e)"; fi
    fi
    [ "$status" != 0 ] || [ ! -e ktbatch.db ] || {
        # All done before the sixtieth kill: once more with everything put back.
        break
    }
done
[ $kills -ge 60 ] || [ "$status" = 0 ] || fail "only $kills kills in $round rounds"
if [ ! -e ktbatch.db ] || [ -z "$(sql 'select run from runs' 2>/dev/null)" ]; then run 0 ktbatch apply job.yaml -q; else run 0 ktbatch resume job-1 -q; fi
check_cubes job 4000
same "$(sort -n ran | uniq | wc -l | tr -d ' ')" 4000
same "$(sql 'pragma integrity_check')" ok
echo "$kills kills, $(wc -l <ran) executions of 4000 tasks"
[ $kills -ge 60 ] || fail "the run was over after $kills kills"

# The same with functions, many of them in flight: no execution can be counted, every result can.
cubes_job cubes 300000
for round in 1 2 3 4 5 6 7 8; do
    if [ $round = 1 ]; then ktbatch apply cubes.yaml -q 2>/dev/null & else ktbatch resume cubes -q 2>/dev/null & fi
    runner=$!
    sleep "0.0$((RANDOM % 10))"
    kill -9 $runner 2>/dev/null
    wait $runner 2>/dev/null
done
run 0 ktbatch apply cubes.yaml
check_cubes cubes 300000
finish
