# Fuzz harnesses. A usual build links each with replay.c and runs it over its corpus in `make check`; one with
# --enable-fuzzing links libFuzzer, and the programs are run by hand: tests/fuzz/fuzz_frames -max_total_time=600 FOLDER
noinst_HEADERS += %D%/fuzz.h
EXTRA_DIST += %D%/corpus

if ENABLE_FUZZING
FUZZ_MAIN =
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += %D%/fuzz_frames %D%/fuzz_handshake %D%/fuzz_jobfile %D%/fuzz_kubeconfig
else
FUZZ_MAIN = %D%/libreplay.a
FUZZ_LINK = $(AM_LDFLAGS)
check_LIBRARIES = %D%/libreplay.a
%C%_libreplay_a_SOURCES = %D%/replay.c
check_PROGRAMS += %D%/fuzz_frames %D%/fuzz_handshake %D%/fuzz_jobfile %D%/fuzz_kubeconfig
TESTS += %D%/fuzz_frames %D%/fuzz_handshake %D%/fuzz_jobfile %D%/fuzz_kubeconfig
endif

%C%_fuzz_frames_SOURCES = %D%/fuzz_frames.c
%C%_fuzz_frames_LDFLAGS = $(FUZZ_LINK)
%C%_fuzz_frames_LDADD = $(FUZZ_MAIN) $(LIBS_WIRE)
%C%_fuzz_handshake_SOURCES = %D%/fuzz_handshake.c
%C%_fuzz_handshake_LDFLAGS = $(FUZZ_LINK)
%C%_fuzz_handshake_LDADD = $(FUZZ_MAIN) $(LIBS_WIRE)
%C%_fuzz_jobfile_SOURCES = %D%/fuzz_jobfile.c
%C%_fuzz_jobfile_LDFLAGS = $(FUZZ_LINK)
%C%_fuzz_jobfile_LDADD = $(FUZZ_MAIN) $(LIBS_JOBFILE)
%C%_fuzz_kubeconfig_SOURCES = %D%/fuzz_kubeconfig.c
%C%_fuzz_kubeconfig_LDFLAGS = $(FUZZ_LINK)
%C%_fuzz_kubeconfig_LDADD = $(FUZZ_MAIN) $(LIBS_KUBE)
