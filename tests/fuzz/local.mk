# Fuzz harnesses: with --enable-fuzzing libFuzzer drives them, otherwise `make check` runs their corpora.
check_PROGRAMS += %D%/fuzz_jobfile
%C%_fuzz_jobfile_SOURCES = %D%/fuzz_jobfile.c
%C%_fuzz_jobfile_LDADD = $(LIBS_JOBFILE)
if ENABLE_FUZZING
%C%_fuzz_jobfile_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
%C%_fuzz_jobfile_SOURCES += %D%/replay.c
TESTS += %D%/fuzz_jobfile
endif
EXTRA_DIST += %D%/corpus
