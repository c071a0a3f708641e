noinst_LIBRARIES += %D%/libbase.a
%C%_libbase_a_SOURCES = \
	%D%/buf.c %D%/buf.h \
	%D%/clock.c %D%/clock.h \
	%D%/decimal.c %D%/decimal.h \
	%D%/digest.c %D%/digest.h \
	%D%/err.c %D%/err.h \
	%D%/files.c %D%/files.h \
	%D%/json.c %D%/json.h \
	%D%/mem.c %D%/mem.h \
	%D%/names.c %D%/names.h \
	%D%/outcome.c %D%/outcome.h \
	%D%/problems.c %D%/problems.h \
	%D%/utf8.c %D%/utf8.h \
	%D%/yaml.c %D%/yaml.h \
	%D%/yaml_hint.c \
	%D%/yaml_node.c
