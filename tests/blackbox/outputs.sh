#!/bin/bash
# What tasks print belongs to the task that printed it, whatever it or another one does to its streams, and is in one place.
. "$top_srcdir/tests/blackbox/lib.sh"

# Tasks of one session that close their streams, or leave them leading elsewhere: the output of no other one is lost or moves.
cat >streams.yaml <<'JOB'
name: streams
task: {function: faulty.go}
args: {how: [print, print-close-all, print, close, print, redirect, print, print-crash, print, close-all, print]}
parallelism: 1
retries: 0
JOB
run 1 ktbatch apply streams.yaml
for task in 0 1 2 4 5 6 8 10; do
    run 0 ktbatch logs streams $task
    has out "out of task $task"
    same "$(grep -c 'out of task' out)" 1 "task $task"
    hasnt out 'into nothing'
done
run 0 ktbatch logs streams 7
has out 'last words of task 7'
hasnt out 'out of task'
same "$(sql "select group_concat(task || ' ' || class || ' ' || error, '; ') from tasks where state = 'failed'")" \
    '1 error closed its standard output or error; 3 error closed its standard output or error; 7 signal SIGABRT; 9 error closed its standard output or error'

# Attempts that print much and are repeated at once: the file is the last one's.
cat >again.yaml <<'JOB'
name: again
task: {command: [sh, -c, 'head -c 1000000 /dev/zero | tr "\0" "$1"; exit 3', sh, "${attempt}"]}
args: {x: {range: [1, 20]}}
parallelism: 2
retries: 5
backoff: 1ms
JOB
run 1 ktbatch apply again.yaml
has err '0 done, 20 failed'
for task in 0 7 19; do
    same "$(tr -d 6 <results/again-1/tasks/$task/stdout | wc -c)" 0 "task $task"
done

# Without standard output and error nothing that is said goes anywhere else.
cubes_job cubes 10
ktbatch apply cubes.yaml >&- 2>&- <&-
same $? 0 'closed standard streams'
check_cubes cubes 10
ktbatch apply cubes.yaml --rerun 2>&-
same $? 0 'closed standard error'

# A runner that is killed while it writes files leaves nothing that the next one does not take away.
cat >files.yaml <<'JOB'
name: files
task:
  command: [sh, -c, 'head -c 200000 /dev/zero; touch "ready$1"; [ -e go ] || exec sleep 100', sh, "${x}"]
  result: none
args: {x: {range: [1, 2]}}
parallelism: 2
JOB
ktbatch apply files.yaml >o 2>e &
runner=$!
unfinished() { [ "$(find results/files-1/tmp -type f 2>/dev/null | wc -l)" = 2 ]; }
wait_for 20 unfinished || fail 'no unfinished files'
kill -9 $runner
wait $runner 2>/dev/null
touch go
run 0 ktbatch resume files
same "$(cd results/files-1 && find . -type f | sort | tr '\n' ' ')" './results.jsonl ./tasks/0/stdout ./tasks/1/stdout '
missing results/files-1/tmp
finish
