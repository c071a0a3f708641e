#!/bin/bash
# kill -9 of workers, supervisors and what they run: every task still ends with one right result, or by name.
. "$top_srcdir/tests/blackbox/lib.sh"

# Workers of every kind at random moments, while functions run.
cubes_job cubes 200000
for per_worker in all 1000; do
    ktbatch apply cubes.yaml --name "w$per_worker" --tasks-per-worker $per_worker --retries 100 --set backoff=1ms >o 2>e &
    runner=$!
    killed=0
    for _ in 1 2 3 4 5 6; do
        wait_for 5 test -n "$(pids_of ktbatch-worker)" || break
        victims=$(pids_of ktbatch-worker)
        victim=$(echo "$victims" | sed -n "$((RANDOM % $(echo "$victims" | wc -l) + 1))p")
        kill -9 "$victim" 2>/dev/null && killed=$((killed + 1))
        sleep 0.03
    done
    wait $runner
    status=$?
    # A supervisor may have been among them: then the backend says so, and the run goes on by resume.
    case $status in
    0) ;;
    1 | 3) run 0 ktbatch resume "w$per_worker" --retries 100 ;;
    *) fail "exit $status after $killed kills: $(cat e)" ;;
    esac
    [ "$(sql "select failed from runs where name = 'w$per_worker'")" = 0 ] || ktbatch retry "w$per_worker" >/dev/null 2>&1
    check_cubes "w$per_worker" 200000
done

# A supervisor takes all its sessions with it, of which most wait for their turn: another one goes on with what they had.
cat >naps.yaml <<'JOB'
name: naps
task: {function: faulty.nap}
args: {ms: [20, 21, 22], n: {repeat: 40}}
parallelism: 2
tasksPerWorker: 1
JOB
ktbatch apply naps.yaml >o 2>e &
runner=$!
some_done() { [ "$(sql "select count(*) from naps where state = 'done'")" -ge "$1" ]; }
for n in 1 20; do
    wait_for 20 some_done $n || fail "naps: not $n are done"
    kill -9 "$(cat /proc/$runner/task/*/children | tr ' ' '\n' | grep -m 1 .)"
done
wait $runner
same $? 0 'a one-shot run whose supervisor was killed'
same "$(sql "select group_concat(distinct state) || count(*) from naps")" done120

# A task that kills what runs it is given up; those that ran beside it are done.
command_job killer 30 '[ $1 != 3 ] || kill -9 $PPID; sleep 0.02; echo $(($1 * $1 * $1))'
for per_worker in all 1; do
    run 1 ktbatch apply killer.yaml --parallelism 3 --tasks-per-worker $per_worker --rerun
    same "$(sql "select group_concat(task || ' ' || class || ' ' || error) from tasks where state <> 'done' and
                 run = (select max(run) from runs where name = 'killer')")" \
        '2 lost killed its worker 3 times' "killer, $per_worker"
done

# A command that is killed is one failed task.
command_job victim 4 'echo $$ >pid$1; [ "$1" != 2 ] || { touch ready; exec sleep 60; }; echo $(($1 * $1 * $1))'
ktbatch apply victim.yaml >o 2>e &
runner=$!
wait_for 20 test -e ready || fail 'the victim has not started'
kill -9 "$(cat pid2)"
wait $runner
same $? 1
same "$(sql "select group_concat(task || ' ' || class || ' ' || coalesce(status, '')) from attempts where class is not null and run = 'victim-1'")" '1 signal 9'
same "$(sql "select count(*) from victim where state = 'done'")" 3

# The runner dies while long tasks run: nothing that it started outlives it by more than two seconds.
command_job long 4 'sleep 100; echo $1'
ktbatch apply long.yaml >o 2>e &
runner=$!
sleeping() { [ "$(pids_of sleep | wc -l)" -ge 2 ]; }
wait_for 20 sleeping || fail 'long has not started'
kill -9 $runner
wait $runner 2>/dev/null
start=$(date +%s)
wait_for 4 none_left || fail "left: $(mine | tr '\n' ';')"
[ $(($(date +%s) - start)) -le 3 ] || fail 'they took too long to die'
exists ktbatch.db-lock
run 0 ktbatch status long
has out 'interrupted'
missing ktbatch.db-lock
run 0 ktbatch list
has out 'interrupted'
run 0 ktbatch delete long-1
finish
