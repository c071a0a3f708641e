#!/bin/bash
# A task that the kernel kills for want of memory has failed by class oom, one that somebody kills has not. In a memory
# cgroup of its own, for which the machine must give us the right.
. "$top_srcdir/tests/blackbox/lib.sh"

group=
for root in /sys/fs/cgroup/memory /sys/fs/cgroup; do
    limit=memory.max
    [ -e "$root/memory.limit_in_bytes" ] && limit=memory.limit_in_bytes
    mkdir "$root/ktbatch-test-$$" 2>/dev/null || continue
    if [ -e "$root/ktbatch-test-$$/$limit" ]; then
        group=$root/ktbatch-test-$$
        break
    fi
    rmdir "$root/ktbatch-test-$$"
done
[ -n "$group" ] || skip 'no memory cgroup can be made here'
trap 'rm -rf "$work"; rmdir "$group"' EXIT
echo 100M >"$group/$limit" || skip "cannot limit memory in $group"
if [ "$(awk '/^SwapTotal/ { print $2 }' /proc/meminfo)" != 0 ]; then # it would hold what the limit is to refuse
    { [ -e "$group/memory.swap.max" ] && echo 0 >"$group/memory.swap.max"; } ||
        { [ -e "$group/memory.memsw.limit_in_bytes" ] && echo 100M >"$group/memory.memsw.limit_in_bytes"; } ||
        skip 'there is swap space that cannot be limited'
fi
grep -q '^oom_kill ' /proc/vmstat || skip 'the kernel does not count what it kills'

cat >job.yaml <<'EOF'
name: memory
task: {command: [python3, -c, 'import os, sys; x = bytearray(int(sys.argv[1]) << 20); sys.argv[1] == "1" and os.kill(os.getpid(), 9)', '${mb}']}
args: {mb: [1, 400, 2]}
EOF
in_group() { (echo "$BASHPID" >"$group/cgroup.procs" && exec "$@"); }
run 1 in_group ktbatch apply job.yaml --set parallelism=1
same "$(sql "select group_concat(task || ' ' || state || ' ' || class || ' ' || error, ', ') from tasks where state = 'failed'")" \
    '0 failed signal SIGKILL, 1 failed oom killed by the kernel: no memory left'
same "$(sql 'select done from runs')" 1
finish
