# An image's configuration: how its first process starts (tests/cluster/image).
{created: "1970-01-01T00:00:00Z", architecture: $machine, os: "linux",
 config: {Entrypoint: $entrypoint, Env: ["PATH=/usr/local/bin:/usr/bin:/bin:/"], WorkingDir: "/"},
 rootfs: {type: "layers", diff_ids: [$layer]}}
