# What `up` and `down` share. Sourced after `settings`, in this folder.

die() { printf '%s: %s\n' "$0" "$*" >&2; exit 1; }

# One `up` or `down` at a time. What a killed `up` had started holds the lock on, until it has ended or the node has it in
# its network namespace (node/start closes it), where `down` finds it.
lock_cluster() {
    mkdir -p "${CACHE%/*}"
    exec 8>"${CACHE%/*}/cluster.lock"
    flock 8
}

within() { # SECONDS COMMAND…: until the command succeeds
    limit=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$limit" ] || return 1
        sleep 0.1
    done
}
node_ready() { ./kubectl --request-timeout=5s get node node1 2>/dev/null | grep -q ' Ready'; }

# The programs write to the folders that node/own-folders lists. The node has a file system of its own there, but what it is
# mounted on must exist: the folders that are made here are noted, the deepest first, and removed again.
# (/run/netns gets a mount of `ip netns` besides.)
make_mount_points() {
    mountpoint -q /run/netns || : >"$RUN/made-netns-mount"
    grep -v '^#' node/own-folders | while read -r folder; do
        missing=
        while [ ! -d "$folder" ]; do
            missing="$missing $folder"
            echo "$folder" >>"$RUN/made"
            folder=${folder%/*}
        done
        # shellcheck disable=SC2086
        [ -z "$missing" ] || mkdir -p $missing
    done
}
remove_mount_points() {
    if [ -e "$RUN/made-netns-mount" ] && [ -z "$(ls /run/netns 2>/dev/null)" ]; then
        umount /run/netns 2>/dev/null || :
    fi
    [ -e "$RUN/made" ] || return 0
    while read -r folder; do rmdir "$folder" 2>/dev/null || :; done <"$RUN/made"
}

ended() { # PID: no process, or one that only waits to be looked at
    case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) in '' | Z* | X*) return 0 ;; esac
    return 1
}
# With the first process of the node the kernel ends all others, and the node's mounts go with them.
end_processes() {
    pids=$(ip netns pids "$NETNS" 2>/dev/null) || return 0
    for pid in $pids; do kill -KILL "$pid" 2>/dev/null || :; done
    for pid in $pids; do
        until ended "$pid"; do sleep 0.05; done
    done
}
# The kubelet's and containerd's cgroups, the deepest first. The kernel lets go of an ended process a moment later.
remove_cgroups() {
    find /sys/fs/cgroup -depth -type d \( -path '*/kubepods*' -o -path '*/k8s.io*' \) -exec rmdir {} + 2>/dev/null
    [ -z "$(find /sys/fs/cgroup -maxdepth 2 -type d \( -name kubepods -o -name k8s.io \))" ]
}
# RUN is made first and removed last: as long as it is there, so may be the rest.
take_down() {
    [ -e "$RUN" ] || [ -e "$STATE" ] || return 0
    end_processes
    ip link delete "$WIRE" 2>/dev/null || :
    ip netns delete "$NETNS" 2>/dev/null || :
    within 10 remove_cgroups || die 'cgroups of the node are left, with processes in them'
    remove_mount_points
    rm -rf --one-file-system "$STATE"
    rm -rf --one-file-system "$RUN"
}
