#!/bin/bash
# list, status, results, logs, failures: what they print, in every format.
. "$top_srcdir/tests/blackbox/lib.sh"

cat >mix.yaml <<'JOB'
name: mix
task:
  command:
    - sh
    - -c
    - |
      case $1 in
        4) echo out4; echo err4 >&2; exit 9 ;;
        5) kill -SEGV $$ ;;
        6) head -c 300000 /dev/zero | tr "\0" a; echo end >&2; echo; exit 1 ;;
        7) echo '{"loss": 0.5, "list": [1, 2]}' ;;
        *) echo warning $1 >&2; echo '{"loss": '$1'}' ;;
      esac
    - sh
    - "${x}"
  result: {json: last}
  columns: [loss]
args:
  x: {range: [1, 7]}
parallelism: 2
retries: 0
JOB
run 1 ktbatch apply mix.yaml
has err '4 done, 3 failed'
cubes_job cubes 3
run 0 ktbatch apply cubes.yaml

run 0 ktbatch list
empty err
same "$(sed 1d out | awk '{print $1, $2, $3, $4, $5}')" 'mix-1 failed 7 4 3
cubes-1 done 3 3 0'
run 0 ktbatch list -o csv
same "$(sed -n 2p out | cut -d, -f1-3)" 'mix-1,mix,failed'
run 0 ktbatch status mix
has out '4 done, 3 failed, 0 running, 0 queued'
has out 'failed'
has out 'task 3'
run 0 ktbatch status
has out 'cubes-1'
run 1 ktbatch status mix-1 --watch -o json
cp out status.json
run 0 ktbatch results mix -o json
cp out results.json
run 0 ktbatch results mix -o jsonl --where "state = 'failed' and x > 4"
same "$(wc -l <out | tr -d ' ')" 2
has out '"x":5'
run 0 ktbatch failures mix-1 -o json
cp out failures.json
run 0 ktbatch list -o json
/usr/bin/python3 - <<'CHECK' || fail 'the JSON documents'
import json
status = json.load(open("status.json"))
assert status["version"] == 1 and status["items"][0]["done"] == 4 and status["items"][0]["runner"] is None, status
results = json.load(open("results.json"))
rows = {row["x"]: row for row in results["items"]}
assert results["version"] == 1 and sorted(rows) == [1, 2, 3, 7], results
assert rows[7]["result"] == {"loss": 0.5, "list": [1, 2]} and rows[7]["loss"] == 0.5, rows
assert rows[1]["state"] == "done" and rows[1]["task"] == 0 and rows[1]["loss"] == 1, rows
failures = json.load(open("failures.json"))
assert sorted((f["class"], f["tasks"]) for f in failures["items"]) == [("exit", 1), ("exit", 1), ("signal", 1)], failures
runs = json.load(open("out"))
assert [r["run"] for r in runs["items"]] == ["mix-1", "cubes-1"] and runs["items"][0]["failed"] == 3, runs
CHECK
run 0 ktbatch results cubes-1 -o csv
same "$(tr -d '\r' <out | cut -d, -f1-4 | sed -n 1,2p)" 'task,x,state,result
0,1,done,1'
run 0 ktbatch results cubes
same "$(sed 1d out | awk '{print $2, $3, $4}')" '1 done 1
2 done 8
3 done 27'
# A text that looks like a list is not one.
cat >texts.yaml <<'JOB'
name: texts
task: {command: [echo, "${x}"]}
args: {x: ["[1, 2]", "3", plain]}
JOB
run 0 ktbatch apply texts.yaml
run 0 ktbatch results texts -o jsonl
same "$(grep -c -F -e '"result":"[1, 2]"' -e '"result":"3"' -e '"result":"plain"' out)" 3
run 2 ktbatch results cubes --where 'nonsense('
run 2 ktbatch results cubes --where "1; delete from ktb_runs"
run 2 ktbatch results cubes --where "x in (select id from ktb_runs)"
run 2 ktbatch results nosuch
has err 'cubes-1'
run 0 ktbatch failures cubes
has err 'no task has failed'
empty out

run 0 ktbatch logs mix 3
has out '==> stdout <=='
has out 'out4'
has out 'err4'
has err 'exit'
run 0 ktbatch logs mix 3 --stdout
same "$(cat out)" out4
run 0 ktbatch logs mix-1 3 --stderr --attempt 1
same "$(cat out)" err4
run 0 ktbatch logs mix 0 --stderr
same "$(cat out)" 'warning 1'
# Longer than the database keeps: all of it, from the run's folder.
run 0 ktbatch logs mix 5 --stdout
same "$(wc -c <out | tr -d ' ')" 300001
run 2 ktbatch logs mix 7
has err '0 to 6'
run 2 ktbatch logs mix x

# More rows than a reader wants.
cubes_job many 20000
run 0 ktbatch apply many.yaml
for format in table json jsonl csv; do
    (ktbatch results many -o $format 2>err; echo $? >status) | head -n 1 >/dev/null
    same "$(cat status)" 0 "$format into a closed pipe"
    empty err
done
[ ! -w /dev/full ] || { ktbatch results many -o csv >/dev/full 2>err; same $? 3 'results on a full disk'; has err 'No space left'; }
run 0 ktbatch results many -o csv
same "$(wc -l <out | tr -d ' ')" 20001
finish
