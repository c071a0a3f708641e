#!/bin/bash
# Ctrl-C once and twice (on a terminal), SIGTERM, SIGHUP: each leaves a run that `resume` continues, and says how.
. "$top_srcdir/tests/blackbox/lib.sh"

command_job slow 30 'echo $1 >>ran; sleep 0.3; echo $(($1 * $1 * $1))'
started() { [ "$(wc -l <ran 2>/dev/null || echo 0)" -ge "$1" ]; }

for signal in INT TERM HUP; do
    : >ran
    # A background job of a shell without job control ignores SIGINT, one under nohup SIGHUP: python3 starts it with the defaults.
    /usr/bin/python3 -c 'import os, signal, sys
for each in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
    signal.signal(each, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' ktbatch apply slow.yaml --name "s$signal" >o 2>e &
    runner=$!
    wait_for 20 started 2 || fail "$signal: not started"
    kill -$signal $runner
    wait $runner
    same $? 130 "$signal"
    has e "ktbatch resume s$signal-1"
    # What ran was allowed to finish: nothing that was begun is lost.
    same "$(sql "select count(*) from s$signal where state = 'done'")" "$(wc -l <ran | tr -d ' ')" "$signal: begun and done"
    same "$(sql "select state from runs where name = 's$signal'")" interrupted
    clean
done
run 0 ktbatch resume sINT
check_cubes sINT 30

# Who was started to ignore a lost terminal goes on without it.
command_job hup 6 'echo $1 >>hup-ran; sleep 0.1; echo $1'
nohup ktbatch apply hup.yaml >o 2>e &
runner=$!
wait_for 20 test -s hup-ran || fail 'hup has not started'
kill -HUP $runner
wait $runner
same $? 0 nohup

# Twice: at once, whatever runs.
command_job stuck 4 'echo $1 >>stuck-ran; sleep 100; echo $1'
ktbatch apply stuck.yaml >o 2>e &
runner=$!
wait_for 20 test -s stuck-ran || fail 'stuck has not started'
start=$(date +%s)
kill -TERM $runner
kill -TERM $runner
sleep 0.2
kill -TERM $runner 2>/dev/null
wait $runner
same $? 130 'twice'
[ $(($(date +%s) - start)) -lt 8 ] || fail 'the second signal did not stop it at once'
clean

# On a terminal: the live line, Ctrl-C as a key, and a line that is taken away again.
cat >terminal.py <<'PYTHON'
import os, pty, re, select, signal, sys, time
def session(argv, keys, env):
    """Runs argv on a terminal of 60 columns; `keys`: what to type after which text was seen. Exit status and all output."""
    pid, fd = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL) # who runs the tests in the background may ignore it
        os.environ.update(env)
        os.execvp(argv[0], argv)
    import fcntl, struct, termios
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    seen, limit = b"", time.monotonic() + 30
    while time.monotonic() < limit:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            if not data:
                break
            seen += data
        if keys and re.search(keys[0][0], seen):
            os.write(fd, keys.pop(0)[1])
    else:
        os.kill(pid, 9)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()

status, seen = session(["ktbatch", "apply", "slow.yaml", "--name", "tty"], [(rb"of 30 done", b"\x03")], {"TERM": "xterm"})
assert status == 130, (status, seen)
assert "\r" in seen and "\x1b[K" in seen and "ktbatch resume tty-1" in seen, seen
for line in re.split(r"[\r\n]+", seen):
    if "of 30 done" in line:
        assert len(re.sub(r"\x1b\[[0-9;]*[mK]", "", line).replace("^C", "")) <= 60, line
assert seen.split("interrupted")[0].count("\n") >= 1 and not re.search(r"running[^\r\n]*\n", seen.split("\x1b[K")[-1]), seen

status, seen = session(["ktbatch", "resume", "tty"], [], {"TERM": "dumb"})
assert status == 0 and "\x1b" not in seen and "30 done" in seen, (status, seen)

status, seen = session(["ktbatch", "apply", "stuck.yaml", "--rerun"], [(rb"2 running", b"\x03"), (rb"stopping", b"\x03")], {"TERM": "xterm"})
assert status == 130 and "ktbatch resume stuck-2" in seen, (status, seen)

status, seen = session(["ktbatch", "apply", "fails.yaml"], [], {"TERM": "xterm", "NO_COLOR": "1"})
assert status == 1 and "\x1b[3" not in seen, (status, seen)
PYTHON
command_job fails 6 'sleep 0.3; exit 1'
/usr/bin/python3 terminal.py || fail 'on a terminal'
rm -f terminal.py
finish
