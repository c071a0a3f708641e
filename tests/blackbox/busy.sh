#!/bin/bash
# One runner a run: the other says who has it.
. "$top_srcdir/tests/blackbox/lib.sh"

command_job slow 1000 'echo $1 >>ran; sleep 0.1; echo $1'
cubes_job cubes 10
# Two at the same moment, several times: one runs, whichever it is.
for round in 1 2 3 4 5; do
    rm -f ran
    ktbatch apply slow.yaml --rerun --tasks 0-3 >a.out 2>a.err &
    first=$!
    wait $first
    ktbatch apply slow.yaml >a.out 2>a.err &
    first=$!
    ktbatch apply slow.yaml >b.out 2>b.err &
    second=$!
    alone() { [ "$(jobs -pr | wc -l)" -lt 2 ]; }
    wait_for 20 alone || fail "round $round: both run"
    if kill -0 $first 2>/dev/null; then winner=$first loser=$second said=b.err; else winner=$second loser=$first said=a.err; fi
    wait $loser
    same $? 3 "round $round: the second one"
    has $said "process $winner"
    run 3 ktbatch resume "slow-$round"
    has err "process $winner"
    if [ $round = 1 ]; then # later there are others to go on with
        run 3 ktbatch resume
        has err "slow-1 is being run by process $winner"
    fi
    run 3 ktbatch retry "slow-$round" --done
    # Other runs go on beside it, in the same database.
    run 0 ktbatch apply cubes.yaml --rerun
    run 0 ktbatch list
    kill -TERM $winner
    wait $winner
    same $? 130 "round $round: the first one"
done

# Two at once on a database that is not there yet.
for round in 1 2 3 4 5; do
    ktbatch apply slow.yaml --db "new$round.db" >a.out 2>a.err &
    first=$!
    ktbatch apply slow.yaml --db "new$round.db" >b.out 2>b.err &
    second=$!
    wait_for 20 alone || fail "new, round $round: both run"
    if kill -0 $first 2>/dev/null; then winner=$first loser=$second; else winner=$second loser=$first; fi
    wait $loser
    same $? 3 "new, round $round: the second one"
    kill -TERM $winner
    wait $winner
    same "$(sql 'select count(*) from runs' "new$round.db")" 1 "new, round $round: runs"
done
finish
