#!/bin/bash
# Every example in jobs/ runs as its first lines promise, from any folder.
. "$top_srcdir/tests/blackbox/lib.sh"

n=0
for file in "$top_srcdir"/jobs/*.yaml; do
    n=$((n + 1))
    name=$(basename "$file" .yaml)
    mkdir "$name"
    run 0 ktbatch validate "$file"
    run 0 ktbatch plan "$file"
    # An example whose tasks fail on purpose says so: "# exit 1".
    expected=$(sed -n 's/^# exit \([0-9]*\).*/\1/p' "$file")
    run "${expected:-0}" ktbatch apply "$file" --db "$name/ktbatch.db" --set backoff=10ms
    has err "results in $name/results/"
    # Applied again it runs nothing.
    run "${expected:-0}" ktbatch apply "$file" --db "$name/ktbatch.db"
    tasks=$(sql 'select tasks from runs' "$name/ktbatch.db")
    done=$(sql 'select done from runs' "$name/ktbatch.db")
    same "$(sql 'select done + failed from runs' "$name/ktbatch.db")" "$tasks" "$name"
    same "$(cat "$name"/results/*/results.jsonl | wc -l | tr -d ' ')" "$done" "lines of $name"
    [ "${expected:-0}" != 0 ] || same "$done" "$tasks" "done of $name"
done
[ $n -ge 5 ] || fail "only $n examples"
same "$(sql 'select group_concat(result) from (select result from cubes order by x)' cubes/ktbatch.db)" 1,8,27,64,125,216,343,512,729,1000
finish
