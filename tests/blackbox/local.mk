# Tests of the built programs.
BLACKBOX_TESTS = \
	%D%/apply.sh \
	%D%/bench.sh \
	%D%/busy.sh \
	%D%/changing.sh \
	%D%/databases.sh \
	%D%/forms.sh \
	%D%/jobs.sh \
	%D%/kill_runner.sh \
	%D%/kill_workers.sh \
	%D%/looking.sh \
	%D%/memory.sh \
	%D%/no_workers.sh \
	%D%/outputs.sh \
	%D%/planning.sh \
	%D%/signals.sh \
	%D%/usage.sh
dist_check_SCRIPTS += $(BLACKBOX_TESTS)
TESTS += $(BLACKBOX_TESTS)
EXTRA_DIST += %D%/lib.sh
