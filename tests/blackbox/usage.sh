#!/bin/sh
# Help, version, wrong usage, and what becomes of standard output.
. "$top_srcdir/tests/blackbox/lib.sh"

run 2 ktbatch
empty out
has err 'ktbatch apply jobs/cubes.yaml'
run 0 ktbatch --help
empty err
has out 'Exit status: 0 all done'
for command in apply resume status list results logs failures retry cancel delete plan validate schema version help; do
    has out "  $command"
    run 0 ktbatch "$command" --help
    empty err
    same "$(head -n 1 out | cut -c1-12)" '    ktbatch ' "$command --help begins with an example"
    has out 'Exit status:'
    cp out first
    run 0 ktbatch help "$command"
    cmp -s first out || fail "help $command and $command --help differ"
    run 0 ktbatch --help
done
run 0 ktbatch --version
same "$(cat out)" "$(ktbatch version)"

run 2 ktbatch aply
has err 'did you mean: ktbatch apply'
run 2 ktbatch xyzzy
has err 'there is no command xyzzy'
run 2 ktbatch rm cubes-1
has err 'did you mean: ktbatch delete'
run 2 ktbatch help aply
has err 'did you mean: ktbatch help apply'
run 2 ktbatch help xyzzy
has err 'there is no command xyzzy; see: ktbatch --help'
run 2 ktbatch --db x.db list
has err '--db: the command comes first'
run 2 ktbatch logs cubes 0 -o json
has err 'unknown option -o'
run 2 ktbatch --helo
run 2 ktbatch apply --paralelism 3 x.yaml
has err 'did you mean --parallelism?'
run 2 ktbatch apply
has err 'ktbatch apply FILE|-'
run 2 ktbatch apply a b
has err '"b" is too much'
run 2 ktbatch list -o xml
has err 'table, json, jsonl or csv'
run 2 ktbatch cancel
run 2 ktbatch delete
run 2 ktbatch logs

# Only apply makes a database.
here=$(pwd -P)
for words in 'resume' 'status' 'list' 'results' 'logs 0' 'failures' 'retry' 'cancel a-1' 'delete a-1'; do
    # shellcheck disable=SC2086
    run 2 ktbatch $words
    has err "$here/ktbatch.db"
    empty out
    # shellcheck disable=SC2086
    run 2 ktbatch $words --db other/x.db
    has err "$here/other/x.db"
    # shellcheck disable=SC2086
    run 2 env KTBATCH_DB=env.db ktbatch $words
    has err "$here/env.db"
done
rm -f first
same "$(ls)" 'err
out'

# A full disk is an error, a reader that has gone is none.
if [ -w /dev/full ]; then
    ktbatch --help >/dev/full 2>err
    same $? 3 'help on a full disk'
    has err 'No space left'
    ktbatch schema >/dev/full 2>err
    same $? 3 'schema on a full disk'
fi
(ktbatch schema 2>err; echo $? >status) | true
same "$(cat status)" 0 'schema into a closed pipe'
empty err
# Closed streams: what has nowhere to go is an error, and a run is not harmed.
ktbatch schema >&- 2>err
same $? 3 'schema without standard output'
ktbatch validate - <&- 2>err
same $? 2 'validate - without standard input'
cubes_job cubes 3
ktbatch apply cubes.yaml >&- 2>err
same $? 0 'apply without standard output'
ktbatch apply cubes.yaml --rerun 2>&-
same $? 0 'apply without standard error'
ktbatch apply cubes.yaml --rerun >&- 2>&- <&-
same $? 0 'apply without any stream'
same "$(sql "select count(*), sum(result) from cubes_all where state = 'done'")" '9|108'
finish
