# Every test is a program or a script of its own; `make check` runs them all.
# A unit test links only the layers that it names, so a forbidden call does not link.
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir;

include tests/layers/local.mk
noinst_HEADERS += %D%/unit/unit.h

include tests/unit/base/local.mk
include tests/unit/wire/local.mk
include tests/unit/jobfile/local.mk
include tests/unit/plan/local.mk
include tests/unit/state/local.mk
include tests/unit/results/local.mk
include tests/unit/kube/local.mk
include tests/unit/backend/local.mk
include tests/unit/dispatch/local.mk
include tests/unit/worker/local.mk
include tests/unit/cli/local.mk
include tests/blackbox/local.mk
include tests/fuzz/local.mk
