noinst_LIBRARIES += %D%/libjobfile.a
%C%_libjobfile_a_SOURCES =
