noinst_LIBRARIES += %D%/libworker.a
%C%_libworker_a_SOURCES =
