noinst_LIBRARIES += %D%/libresults.a
%C%_libresults_a_SOURCES =
