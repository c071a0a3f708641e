# Scripts and documents that are not part of the program.
EXTRA_DIST += %D%/setup %D%/quickstart %D%/check %D%/build-aux/m4/ktbatch-switches.m4 \
	%D%/bench/run %D%/bench/cube.c %D%/bench/bench_task.c %D%/stress/bare-machine %D%/stress/cluster \
	%D%/doc/design.md %D%/doc/job-file.md %D%/doc/task-library.md %D%/doc/state.md %D%/doc/performance.md
dist_man_MANS += contrib/man/ktbatch.1 contrib/man/ktbatch-worker.1
