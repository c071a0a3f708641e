# A real Kubernetes for tests, one node on this machine: up, down, and what stands beside them. Run by hand and by
# contrib/stress/cluster; `make check` starts none.
dist_noinst_SCRIPTS += %D%/build %D%/up %D%/down %D%/shell %D%/kubectl %D%/enter %D%/ctl %D%/image %D%/load \
	%D%/node/configure %D%/node/start %D%/node/init %D%/node/run
EXTRA_DIST += %D%/README.md %D%/settings %D%/lib.sh %D%/kube/main.go \
	%D%/images/pause.c %D%/images/done.c %D%/images/done.yaml %D%/images/passwd %D%/images/group \
	%D%/images/config.jq %D%/images/manifest.jq %D%/images/index.jq \
	%D%/node/own-folders %D%/node/own-sysctls %D%/node/users %D%/node/certificates.cnf %D%/node/kubeconfig.yaml \
	%D%/node/audit.yaml %D%/node/cni.conflist %D%/node/containerd.toml %D%/node/kubelet.yaml %D%/node/proxy.yaml \
	%D%/node/flags/containerd %D%/node/flags/etcd %D%/node/flags/kube-apiserver \
	%D%/node/flags/kube-controller-manager %D%/node/flags/kube-scheduler %D%/node/flags/kubelet %D%/node/flags/kube-proxy
