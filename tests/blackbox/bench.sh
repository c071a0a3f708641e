#!/bin/bash
# Every row of the bench works and finds the answers right, at sizes that say nothing of speed.
. "$top_srcdir/tests/blackbox/lib.sh"

python=/usr/bin/python3
[ -x $python ] || python=python3
$python "$top_srcdir/contrib/bench/run" --list >rows || fail 'no rows'
run 0 $python "$top_srcdir/contrib/bench/run" --quick --build "$top_builddir"
while read -r row _; do
    has out "$row "
done <rows
[ "$(wc -l <rows)" -ge 7 ] || fail 'rows are missing'
finish
