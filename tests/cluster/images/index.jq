# The index of an image's tar: its name and manifest (tests/cluster/image).
{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
 manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $manifest, size: $size,
   platform: {architecture: $machine, os: "linux"},
   annotations: {"io.containerd.image.name": $name, "org.opencontainers.image.ref.name": ($name | split(":") | last)}}]}
