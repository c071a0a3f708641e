#!/bin/bash
# apply: runs a file, and knows it again.
. "$top_srcdir/tests/blackbox/lib.sh"

cubes_job cubes 10
run 0 ktbatch apply cubes.yaml
empty out
has err 'cubes-1: 10 done, 0 failed in '
has err 'results in results/cubes-1/results.jsonl'
check_cubes cubes 10
missing results/cubes-1/failed.jsonl
missing ktbatch.db-wal

# The same file, however it is written, is done.
run 0 ktbatch apply cubes.yaml
has err 'all 10 tasks are done'
{ echo '# a remark'; sed 's/parallelism: 2/parallelism: 1/' cubes.yaml; echo 'retries: 7'; } >again.yaml
run 0 ktbatch apply again.yaml
has err 'all 10 tasks are done'
same "$(sql 'select count(*) from runs')" 1
run 0 ktbatch apply cubes.yaml --rerun
has err 'cubes-2: 10 done'
# Another file is another run; another name too.
sed -i 's/10/12/' cubes.yaml
run 0 ktbatch apply cubes.yaml
has err 'cubes-3: 12 done'
run 0 ktbatch apply cubes.yaml --name other
has err 'other-1: 12 done'
run 0 ktbatch apply cubes.yaml --set args.x=5 --set name=five
has err 'five-1: 1 done'
same "$(sql 'select result from five')" 125

# From standard input; a database elsewhere, which later commands are told of.
mkdir there
run 0 sh -c 'ktbatch apply - --db there/x.db <cubes.yaml'
exists there/x.db
exists there/results/cubes-1/results.jsonl
has err 'there/results/cubes-1/results.jsonl'
run 0 ktbatch list --db there/x.db
has out cubes-1

# From a pipe that a shell gives a name: paths count from here, and the name must be said.
printf '#!/bin/sh\necho 1\n' >here.sh && chmod +x here.sh
run 2 ktbatch apply <(echo 'task: {command: [./here.sh]}')
has err '`name` is missing'
run 0 ktbatch apply <(echo 'task: {command: [./here.sh]}') --name piped
has err 'piped-1: 1 done'

# Some of the tasks, then the others.
cubes_job part 10
run 0 ktbatch apply part.yaml --tasks 0-2,9
has err 'part-1: 4 done, 0 failed, 6 left'
has err 'ktbatch resume part-1'
same "$(sql "select group_concat(task) from (select task from part where state = 'done' order by task)")" 0,1,2,9
run 0 ktbatch apply part.yaml --tasks 4
same "$(sql "select count(*) from part where state = 'done'")" 5
run 0 ktbatch resume part
check_cubes part 10
run 0 ktbatch resume part-1
has err 'all 10 tasks are done'

# Failures: status 1, the kinds of failure, what to do next; applied again it says so and runs nothing.
command_job odd 6 'echo "$1 $2" >>ran; [ $(($1 % 2)) = 0 ] || { echo "no $1" >&2; exit 3; }; echo $1'
run 1 ktbatch apply odd.yaml --db odd.db
has err 'odd-1: 3 done, 3 failed'
has err 'ktbatch failures odd-1 --db odd.db'
has err 'ktbatch retry odd-1 --db odd.db'
same "$(wc -l <ran | tr -d ' ')" 6
same "$(wc -l <results/odd-1/failed.jsonl | tr -d ' ')" 3
has results/odd-1/failed.jsonl '"error":{"class":"exit","message":"'
run 1 ktbatch apply odd.yaml --db odd.db
has err 'ktbatch retry odd-1 --db odd.db'
same "$(wc -l <ran | tr -d ' ')" 6

# maxFailures: not one task more than it must be; resume counts anew.
command_job bad 20 'exit 1'
run 1 ktbatch apply bad.yaml -j 1 --max-failures 2
has err 'bad-1: 0 done, 3 failed, 17 left'
has err 'maxFailures'
run 1 ktbatch resume --max-failures 5%
has err 'bad-1: 0 done, 5 failed, 15 left'
run 0 ktbatch delete bad-1

# What a task says last cannot play with the terminal.
command_job colours 1 'printf "\033[2Jgone\r\n" >&2; exit 1'
run 1 ktbatch apply colours.yaml
has err 'exit 1: \x1b[2Jgone'
! grep -q "$(printf '\033')" err || fail 'a control character is said'

# A cancelled run is not gone on with.
run 0 ktbatch apply part.yaml --name gone --tasks 0
run 0 ktbatch cancel gone-1
run 0 ktbatch apply part.yaml --name gone
has err 'gone-2: 10 done'

# The program has changed since.
printf '#!/bin/sh\necho 1\n' >prog && chmod +x prog
printf 'name: prog\ntask: {command: [./prog], result: number}\nargs: [[1, 2]]\nparallelism: 1\n' >prog.yaml
run 0 ktbatch apply prog.yaml
printf '#!/bin/sh\necho 2\n' >prog
run 0 ktbatch apply prog.yaml
has err 'has changed since'
has err 'ktbatch apply prog.yaml --rerun'
run 0 ktbatch apply prog.yaml --rerun
same "$(sql 'select distinct result from prog')" 2
run 0 ktbatch apply prog.yaml --rerun --tasks 0
printf '#!/bin/sh\necho 3\n' >prog
run 0 ktbatch resume prog
has err 'has changed since'
run 0 ktbatch apply prog.yaml --rerun -q
hasnt err 'running'

# The same tasks from another text: the run goes on, and can be resumed by that text.
run 0 ktbatch apply part.yaml --name text --set args.x='{range: [1, 5]}' --tasks 0
sed 's/10/5/; s/^name: .*/name: text/' part.yaml >text.yaml
run 0 ktbatch apply text.yaml --tasks 1
has err 'text-1: 2 done'
run 0 ktbatch resume text
check_cubes text 5

# What was applied last counts: the policy of an edited file, for the run that goes on, for resume and for retry.
command_job late 3 'echo "$1 $2" >>late-ran; [ "$1" != 2 ] || [ "$2" = 4 ] || exit 1; echo "$1 $GREETING" >>greeted; echo 1'
run 0 ktbatch apply late.yaml --tasks 0
sed 's/^retries: 0/retries: 1/' late.yaml >edited.yaml
printf 'backoff: 1ms\nenv: {GREETING: hello}\n' >>edited.yaml
run 0 ktbatch apply edited.yaml --tasks 2
run 1 ktbatch resume late
same "$(tr '\n' ' ' <late-ran)" '1 1 3 1 2 1 2 2 '
same "$(tr '\n' ' ' <greeted)" '1  3 hello '
run 1 ktbatch apply edited.yaml --set env.GREETING=hi
has err 'ktbatch retry late-1'
same "$(wc -l <late-ran | tr -d ' ')" 4
run 0 ktbatch retry late
same "$(tail -n 1 greeted)" '2 hi'
run 0 ktbatch apply edited.yaml --set env.GREETING='a b' --db ktbatch.db
has err "a new run: ktbatch apply edited.yaml --rerun --set 'env.GREETING=a b'"

# resume changes policy, not tasks.
run 0 ktbatch apply part.yaml --name pol --tasks 0
run 2 ktbatch resume pol --set args.x=3
has err 'its tasks cannot be changed'
run 2 ktbatch resume pol --set name=other
has err 'its name cannot be changed'
run 0 ktbatch resume pol -j 1 --set retries=1
run 2 ktbatch resume nosuch
has err 'pol-1'
run 2 ktbatch resume
has err 'no unfinished run'
finish
