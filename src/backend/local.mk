noinst_LIBRARIES += %D%/libbackend.a
%C%_libbackend_a_SOURCES =
