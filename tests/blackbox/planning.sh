#!/bin/sh
# validate, plan, schema: they look at job files and make nothing.
. "$top_srcdir/tests/blackbox/lib.sh"

command_job good 10 'echo $1'
run 0 ktbatch validate good.yaml
empty out
has err 'good.yaml: ok, 10 tasks'

cat >bad.yaml <<'JOB'
name: bad
task: {comand: [true]}
args:
  x: {range: [5, 1]}
paralelism: 3
JOB
run 2 ktbatch validate good.yaml bad.yaml
has err 'good.yaml: ok'
has err 'bad.yaml:2:8: '
has err 'command'
has err 'bad.yaml:5:1: '
has err 'parallelism'
cp err problems
sed -i '/good.yaml/d' problems
for verb in plan apply; do
    run 2 ktbatch $verb bad.yaml
    empty out
    cmp -s err problems || fail "$verb says something else than validate"
done
run 2 ktbatch apply bad.yaml --db made.db
run 2 ktbatch apply nowhere.yaml
has err 'nowhere.yaml'
run 2 ktbatch apply good.yaml --tasks 5-20
has err '--tasks'
run 2 ktbatch apply good.yaml --set paralelism=3
has err 'parallelism'
run 2 ktbatch apply good.yaml --backend nowhere
has err 'nowhere'
run 2 ktbatch apply .
run 2 ktbatch validate good.yaml --set parallelism=none

run 0 ktbatch plan good.yaml
empty err
has out 'good: 10 tasks'
has out '["sh","-c","echo $1","sh","5","1"]'
hasnt out '"6"'
has out 'parallelism 2'
has out "$(pwd -P)"
run 0 ktbatch plan good.yaml --tasks 8- -o jsonl -j 7
same "$(cut -d, -f1,2 out)" '{"task":8,"args":{"x":9}
{"task":9,"args":{"x":10}'
run 0 ktbatch plan good.yaml -o json
/usr/bin/python3 - <<'CHECK' || fail 'plan -o json'
import json
plan = json.load(open("out"))
assert plan["version"] == 1 and plan["name"] == "good" and plan["tasks"] == 10, plan
assert [item["task"] for item in plan["items"]] == [0, 1, 2, 3, 4]
assert plan["items"][2]["args"] == {"x": 3} and plan["items"][2]["argv"][-2] == "3"
CHECK

cat >huge.yaml <<'JOB'
task: {command: [echo, "${a}", "${b}"]}
args:
  a: {range: [1, 1000000]}
  b: {range: [1, 1000000]}
JOB
start=$(date +%s)
run 0 ktbatch plan huge.yaml
[ $(($(date +%s) - start)) -lt 20 ] || fail 'a plan of 10^12 tasks is not lazy'
has out 'huge: 1000000000000 tasks'
run 0 ktbatch plan huge.yaml --tasks 999999999999
has out '{"a":1000000,"b":1000000}'
run 0 sh -c 'ktbatch plan - <good.yaml'
has out 'good: 10 tasks'
run 2 sh -c 'ktbatch validate - <bad.yaml'

run 2 ktbatch plan good.yaml --timeout 5
has err '`timeout` needs a unit: 5s'

# A program is looked for in the PATH that it will see.
mkdir tools
printf '#!/bin/sh\necho own\n' >tools/own-tool && chmod +x tools/own-tool
printf 'name: own\ntask: {command: [own-tool]}\n' >own.yaml
run 2 ktbatch validate own.yaml
run 0 ktbatch validate own.yaml --set "env.PATH=$PWD/tools:/bin"
run 0 ktbatch plan own.yaml --set "env.PATH=$PWD/tools:/bin"
has out "$PWD/tools/own-tool"
rm -r tools

run 0 ktbatch schema
cmp -s out "$top_srcdir/schemas/job.schema.json" || fail 'schema prints another file'
rm -f ./*.yaml problems out err
same "$(ls)" '' 'nothing is made'
finish
