#!/bin/bash
# retry, cancel, delete.
. "$top_srcdir/tests/blackbox/lib.sh"

command_job some 6 'echo "$1" >>ran; [ -e fixed ] || [ "$1" -lt 4 ] || exit "$1"; echo $1'
run 1 ktbatch apply some.yaml
has err '3 done, 3 failed'
run 0 ktbatch retry some --where 'x = 100'
has err '0 tasks put back'
run 2 ktbatch retry some --where 'nonsense'
same "$(wc -l <ran | tr -d ' ')" 6
touch fixed
run 1 ktbatch retry some-1 --where 'x = 4'
has err '1 task put back'
has err '4 done, 2 failed'
run 0 ktbatch retry some
has err '6 done, 0 failed'
same "$(sort ran | uniq -c | awk '{print $1}' | tr -d '\n')" 111222
same "$(wc -l <results/some-1/results.jsonl | tr -d ' ')" 6
missing results/some-1/failed.jsonl
run 0 ktbatch retry some
has err '0 tasks put back'
run 0 ktbatch retry some --done --where 'x <= 2'
same "$(wc -l <ran | tr -d ' ')" 11
same "$(wc -l <results/some-1/results.jsonl | tr -d ' ')" 6
same "$(sql "select sum(state = 'done' and result = x) from some")" 6

# Cancelled while nobody runs it.
run 0 ktbatch apply some.yaml --rerun --tasks 0
run 0 ktbatch cancel some
has err '5 cancelled'
run 0 ktbatch cancel some-2
has err 'cancelled already'
run 1 ktbatch resume some-2
has err 'ktbatch retry some-2'
run 0 ktbatch retry some-2
has err '6 done, 0 failed'
run 0 ktbatch cancel some-2
has err 'nothing to cancel'

# Cancelled while another process runs it.
command_job slow 50 'echo $1 >>slow-ran; sleep 0.2; echo $1'
ktbatch apply slow.yaml >slow.out 2>slow.err &
runner=$!
wait_for 20 test -s slow-ran || fail 'slow has not started'
run 0 ktbatch status slow -o jsonl
has out "\"runner\":$runner"
has out '"state":"running"'
run 3 ktbatch delete slow-1
has err "$runner"
run 0 ktbatch cancel slow-1
has err "$runner"
wait $runner
same $? 1 'status of a cancelled runner'
has slow.err 'cancelled'
same "$(sql "select state || (seconds > 0) from runs where name = 'slow'")" cancelled1
[ "$(wc -l <slow-ran)" -lt 50 ] || fail 'the cancelled run went on'

# Deleted: rows, view, folder.
run 2 ktbatch delete some
has err '--all'
run 0 ktbatch delete some-1
missing results/some-1
exists results/some-2/results.jsonl
same "$(sql "select group_concat(run) from runs where name = 'some'")" some-2
run 0 ktbatch apply some.yaml --rerun
has err 'some-3: 6 done'
run 0 ktbatch delete some --all
missing results/some-2
missing results/some-3
same "$(sql "select count(*) from runs where name = 'some'")" 0
same "$(sql "select count(*) from sqlite_master where name like 'some%'")" 0
run 2 ktbatch delete some-2
run 0 ktbatch delete slow-1
run 0 ktbatch apply some.yaml
has err 'some-4: 6 done'
finish
