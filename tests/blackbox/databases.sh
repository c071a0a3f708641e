#!/bin/bash
# Databases that are none, or not ours, or damaged, or cannot be written: a clear error, and nothing is changed.
. "$top_srcdir/tests/blackbox/lib.sh"

cubes_job cubes 10
run 0 ktbatch apply cubes.yaml

refused() { # DATABASE STATUS WORDS: every command refuses it and leaves it as it is
    cp "$1" before
    for words in 'apply cubes.yaml' 'apply cubes.yaml --rerun' 'resume' 'list' 'status' 'results' 'retry' 'cancel cubes-1' 'delete cubes-1'; do
        # shellcheck disable=SC2086
        run "$2" ktbatch $words --db "$1"
        has err "$3"
        has err "$(basename "$1")"
        cmp -s before "$1" || fail "$1 was changed by $words"
    done
    rm -f before
}
echo 'dear diary' >diary
head -c 5000 /dev/urandom >noise
sqlite3 foreign.db 'create table a(b); insert into a values(1)'
cp ktbatch.db newer.db && sqlite3 newer.db 'pragma user_version = 99'
head -c $(($(wc -c <ktbatch.db) / 2)) ktbatch.db >cut.db
for db in diary noise foreign.db newer.db cut.db; do
    ktbatch list --db $db >out 2>err
    status=$?
    case $status in 2 | 3) ;; *) fail "list --db $db: exit $status" ;; esac
    refused $db $status $db
done
ktbatch list --db newer.db 2>err
has err 'newer'
mkdir folder.db
run 2 ktbatch apply cubes.yaml --db folder.db
run 2 ktbatch list --db folder.db
: >empty.db
run 2 ktbatch list --db empty.db
run 0 ktbatch apply cubes.yaml --db empty.db

# Two databases in one folder: neither touches the other's results. A link to one that is not there yet is made where it leads.
cp results/cubes-1/results.jsonl before
run 0 ktbatch apply cubes.yaml --db second.db
same "$(sql 'select run || state from runs' second.db)" cubes-3done
cmp -s before results/cubes-1/results.jsonl || fail "the other database's results were changed"
same "$(wc -l <results/cubes-3/results.jsonl | tr -d ' ')" 10
ln -s there.db link.db
run 0 ktbatch apply cubes.yaml --db link.db
run 0 ktbatch list --db there.db
same "$(sql 'select state from runs' there.db)" 'done'
rm -f before

# Where results cannot be kept there is no run.
: >file
run 3 ktbatch apply cubes.yaml --rerun --set results=file
run 3 ktbatch apply cubes.yaml --rerun --set results=file/below
has err "$PWD/file"
same "$(sql 'select count(*) from runs')" 1

# Moved or copied with its results, a database goes by those that are beside it now.
mkdir project && (cd project && ktbatch apply ../cubes.yaml -q 2>../err) || fail 'no project'
cp -r project copy
run 0 ktbatch retry cubes-1 --done --where 'x < 4' --db copy/ktbatch.db
has err 'results in copy/results/cubes-1/results.jsonl'
run 0 ktbatch delete cubes-1 --db copy/ktbatch.db
missing copy/results/cubes-1
exists project/results/cubes-1/results.jsonl
mv project moved
run 0 ktbatch status --db moved/ktbatch.db
has out 'moved/results/cubes-1/results.jsonl'
missing project

# On a file system that cannot be written to, one can still look.
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    mkdir ro
    cat >inside <<'INSIDE'
mount -t tmpfs none ro && cp ktbatch.db ro/ && cp -r results ro/ && mount -o remount,ro ro || exit 77
for words in list status results; do
    ktbatch $words --db ro/ktbatch.db >out 2>err || { echo "$words: exit $?"; cat err; }
    grep -q . out || echo "$words printed nothing"
done
for words in 'apply cubes.yaml --rerun' 'retry --done' 'delete cubes-1'; do
    ktbatch $words --db ro/ktbatch.db >out 2>err
    status=$?
    [ $status = 3 ] || { echo "$words: exit $status, expected 3"; cat err; }
    grep -q 'ro/ktbatch.db\|ro/results' err || { echo "$words does not name it"; cat err; }
done
ktbatch apply cubes.yaml --db ro/new.db >out 2>err
[ $? = 3 ] || { echo 'a new database on it: expected 3'; cat err; }
INSIDE
    said=$(unshare -m sh ./inside 2>&1)
    case $? in
    77) echo 'not tried: read-only file systems (no mount is allowed here)' ;;
    *) [ -z "$said" ] || fail "read-only: $said" ;;
    esac
else
    echo 'not tried: read-only file systems (needs root and unshare)'
fi
finish
