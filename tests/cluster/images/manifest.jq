# An image's manifest: its configuration and its one layer (tests/cluster/image).
{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
 config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, size: $config_size},
 layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: $layer, size: $layer_size}]}
