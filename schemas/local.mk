# The job file's JSON Schema and the state database's migrations; both are embedded in the program.
# Migrations are numbered, only ever added to, and run in this order.
MIGRATIONS = $(srcdir)/%D%/001-runs.sql

EXTRA_DIST += %D%/embed.awk %D%/001-runs.sql
CLEANFILES += %D%/migrations.c
%D%/migrations.c: $(MIGRATIONS) $(srcdir)/%D%/embed.awk
	$(AM_V_GEN)$(MKDIR_P) %D% && LC_ALL=C $(AWK) -f $(srcdir)/%D%/embed.awk $(MIGRATIONS) > $@.tmp && mv $@.tmp $@
