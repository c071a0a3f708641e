#!/bin/bash
# A backend that gives no workers: it says why, nothing hangs, and the run can be taken up again.
. "$top_srcdir/tests/blackbox/lib.sh"

command_job job 3 'echo $(($1 * $1 * $1))'

KTBATCH_FAKE_SCRIPT='fatal the cloud is on strike' run 3 ktbatch apply job.yaml --backend fake
has err 'the cloud is on strike'
has err 'ktbatch resume job-1'
run 0 ktbatch status -o jsonl
has out '"state":"interrupted"'
has out '"backend":"fake"'

# While it waits for a worker that never comes, it can be looked at, interrupted and cancelled.
export KTBATCH_FAKE_SCRIPT='trouble no node fits'
running() { ktbatch status -o jsonl 2>/dev/null | grep -q '"state":"running".*"runner":[0-9]'; }
for signal in TERM HUP; do
    ktbatch resume --backend fake >o 2>e &
    runner=$!
    wait_for 20 running || fail "$signal: it does not run"
    wait_for 20 grep -qF 'no node fits' e || fail "$signal: it does not say why nothing happens"
    run 3 ktbatch resume job-1
    has err "process $runner"
    kill -$signal $runner
    wait $runner
    same $? 130 "$signal"
    has e 'ktbatch resume job-1'
done
ktbatch resume >o 2>e &
runner=$!
wait_for 20 running || fail 'it does not run'
run 0 ktbatch cancel job-1
wait $runner
same $? 1 'cancelled'
has e 'cancelled'
run 0 ktbatch status -o jsonl
has out '"state":"cancelled"'
finish
