#!/bin/bash
# What commands print, and what becomes of it: every form of `result`, and columns.
. "$top_srcdir/tests/blackbox/lib.sh"

# form NAME RESULT TEXT…: a run NAME of commands that print the texts, with \n for a new line.
form() {
    name=$1 form=$2
    shift 2
    printf 'task:\n  command: [printf, "%%b", "${x}"]\n  result: %s\nargs:\n  x:\n' "$form" >"$name.yaml"
    [ $name = numbers ] || [ $name = texts ] || sed -i '/result:/a\  columns: [loss, result]' "$name.yaml"
    for text; do printf '    - "%s"\n' "$(printf %s "$text" | sed 's/["\\]/\\&/g')" >>"$name.yaml"; done
    ktbatch apply "$name.yaml" 2>err </dev/null
}
# of NAME: results and types, a line each.
of() { sql "select task, state, typeof(result), result from $1 order by task"; }

form numbers number 3 3.10 ' 7 ' +5 .5 5. 007 -00.50 000 1e3 nan -nan inf -Infinity 12345678901234567890123 1_000 0x10 ''
same "$(of numbers)" '0|done|integer|3
1|done|real|3.1
2|done|integer|7
3|done|integer|5
4|done|real|0.5
5|done|real|5.0
6|done|integer|7
7|done|real|-0.5
8|done|integer|0
9|done|real|1000.0
10|done|text|nan
11|done|text|nan
12|done|text|inf
13|done|text|-inf
14|done|text|12345678901234567890123
15|failed|null|
16|failed|null|
17|failed|null|'
has results/numbers-1/results.jsonl '"result":3.10'
has results/numbers-1/results.jsonl '"result":12345678901234567890123'
has results/numbers-1/failed.jsonl 'result: number, but stdout is \"0x10\"'
has results/numbers-1/failed.jsonl 'result: number, but stdout is empty'

form json json '{"loss": NaN, "x": [Infinity, -Infinity]}' '{"loss": -inf, "nan": "NaN \\" nan"}' '{"loss": 1nan}' NaN \
    '{"loss": 9007199254740993, "result": {"a": null}}' '"text"' null '{"loss": 1} x' '{loss: 1}' '{"loss": not}' '{"a'
same "$(of json)" '0|done|text|{"loss":"nan","x":["inf","-inf"]}
1|done|text|{"loss":"-inf","nan":"NaN \" nan"}
2|failed|null|
3|done|text|nan
4|done|text|{"loss":9007199254740993,"result":{"a":null}}
5|done|text|text
6|done|null|
7|failed|null|
8|failed|null|
9|failed|null|
10|failed|null|'
same "$(sql 'select loss, result_result from json where task in (0, 1, 4)')" 'nan|
-inf|
9007199254740993|{"a":null}'

run 2 ktbatch results json --where "json_extract(result, '$.loss') = 1"
has err "--where json_extract(result, '\$.loss') = 1: malformed JSON"
hasnt err ktbatch.db

form ending '{json: last}' 'log\n{"loss": 1}\n\n ' '2\r\n' '{"loss": 1}\nlog\n'
same "$(of ending)" '0|done|text|{"loss":1}
1|done|integer|2
2|failed|null|'
has results/ending-1/failed.jsonl 'result: {json: last}, but stdout is \"log\"'

form texts text 3 '{"a": 1}' '' ' a '
same "$(of texts)" '0|done|text|3
1|done|text|{"a": 1}
2|done|text|
3|done|text| a '

# logs prints what was printed, byte for byte, also where the result stands for it.
logs() { ktbatch logs "$1" "$2" --stdout 2>err | od -An -c | tr -s ' '; }
form texts text 'a\n' 'a' '\n' '' 'b\n\n'
same "$(logs texts 0)" ' a \n'
same "$(logs texts 1)" ' a'
same "$(logs texts 2)" ' \n'
same "$(logs texts 3)" ''
has err 'task 3 has printed nothing'
run 2 ktbatch logs texts 3 --attempt 2
has err 'task 3 has had 1 attempt'
same "$(logs texts 4)" ' b \n \n'
form numbers number '7\n' '7' '3.10\n' '007\n' '1e3\n'
same "$(logs numbers 0)" ' 7 \n'
same "$(logs numbers 1)" ' 7'
same "$(logs numbers 2)" ' 3 . 1 0 \n'
same "$(logs numbers 3)" ' 0 0 7 \n'
same "$(logs numbers 4)" ' 1 e 3 \n'
form json json '"a"\n' '5\n' '{"loss": 1}\n'
same "$(logs json 0)" ' " a " \n'
same "$(logs json 1)" ' 5 \n'
same "$(logs json 2)" ' { " l o s s " : 1 } \n'
cubes_job cubes 1
run 0 ktbatch apply cubes.yaml
same "$(logs cubes 0)" ''
run 0 ktbatch apply texts.yaml --name part --tasks 0
run 0 ktbatch logs part 1
has err 'task 1 has not been tried'
run 0 ktbatch apply texts.yaml --name wide --set 'task.command=printf "%s\n" ${x}'
same "$(sql "select count(*) from ktb_outputs where id >= (select base from ktb_runs where name = 'wide')")" 1 'only the empty line is kept beside its result'
finish
