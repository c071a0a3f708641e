#!/bin/bash
# kill -9 of the runner at 60 random moments of one run. Each task then has exactly one right result, in the database and in
# results.jsonl, and no task ran again once its result was committed.
. "$top_srcdir/tests/blackbox/lib.sh"

# Moments are drawn from the time that a run of one task takes here, and some more.
command_job one 1 'echo $1'
begin=$(date +%s%N)
run 0 ktbatch apply one.yaml --db one.db
span=$((($(date +%s%N) - begin) / 1000000 * 2 + 40))
pause() { sleep "$(awk -v ms="$((RANDOM * span / 32768))" 'BEGIN { printf "%.3f", ms / 1000 }')"; }

# Tasks whose results were committed when the runner died, by a copy: looking at the database itself would mend its log.
committed() {
    rm -f copy.db copy.db-wal
    cp ktbatch.db copy.db && { [ ! -e ktbatch.db-wal ] || cp ktbatch.db-wal copy.db-wal; }
    sqlite3 copy.db "select x from job where state = 'done'" 2>/dev/null | sort
}

tasks=8000
# The last ones wait until all kills are over: the run cannot end before, however fast the machine.
command_job job $tasks '[ $1 -lt 7990 ] || while [ ! -e gate ]; do sleep 0.02; done; echo $1 >>ran; echo $(($1 * $1 * $1))'
: >ran
: >committed
kills=0
while [ $kills -lt 60 ]; do
    before=$(wc -l <ran)
    # The very first ones may die before there is a run.
    ktbatch apply job.yaml -q >o 2>e &
    runner=$!
    pause
    kill -9 $runner 2>/dev/null
    wait $runner 2>/dev/null
    status=$?
    [ $status = 137 ] || { fail "after $kills kills: exit $status: $(cat e)"; break; }
    kills=$((kills + 1))
    # The next one begins when this one's workers are gone: what they still run is theirs.
    wait_for 5 none_left || { fail "kill $kills: processes are left: $(mine | tr '\n' ';')"; break; }
    tail -n +$((before + 1)) ran | sort >this_round
    again=$(comm -12 committed this_round | head -n 3 | tr '\n' ' ')
    [ -z "$again" ] || fail "kill $kills: ran again although committed: $again"
    [ ! -e ktbatch.db ] || committed >committed.new
    [ ! -e committed.new ] || mv committed.new committed
done
echo "$kills kills; $(wc -l <committed) of $tasks committed by then, $(wc -l <ran) executions"
rm -f copy.db copy.db-wal
before=$(wc -l <ran)
touch gate
run 0 ktbatch resume job -q
tail -n +$((before + 1)) ran | sort >this_round
[ -z "$(comm -12 committed this_round | head -n 1)" ] || fail 'the last one ran again what was committed'
check_cubes job $tasks
same "$(sql 'pragma integrity_check')" ok
same "$(sort -n ran | uniq | wc -l | tr -d ' ')" $tasks

# The same with functions, thousands of them in flight.
cubes_job cubes 200000
for _ in 1 2 3 4 5 6 7 8; do
    ktbatch apply cubes.yaml -q 2>/dev/null &
    runner=$!
    pause
    kill -9 $runner 2>/dev/null
    wait $runner 2>/dev/null
done
run 0 ktbatch apply cubes.yaml
check_cubes cubes 200000
finish
