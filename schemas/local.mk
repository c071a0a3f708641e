# The job file's JSON Schema and the state database's migrations; both are embedded in the program.
# Migrations are numbered, only ever added to, and run in this order.
MIGRATIONS = $(srcdir)/%D%/001-runs.sql

EXTRA_DIST += %D%/embed.awk %D%/001-runs.sql
CLEANFILES += %D%/migrations.c
%D%/migrations.c: $(MIGRATIONS) $(srcdir)/%D%/embed.awk
	$(AM_V_GEN)$(MKDIR_P) %D% && LC_ALL=C $(AWK) -f $(srcdir)/%D%/embed.awk $(MIGRATIONS) > $@.tmp && mv $@.tmp $@

# The schema, byte for byte, as `ktbatch schema` prints it.
EXTRA_DIST += %D%/embed-bytes.awk
CLEANFILES += %D%/schema_text.c
%D%/schema_text.c: $(srcdir)/%D%/job.schema.json $(srcdir)/%D%/embed-bytes.awk
	$(AM_V_GEN)$(MKDIR_P) %D% && od -An -v -tu1 $(srcdir)/%D%/job.schema.json | LC_ALL=C $(AWK) -f $(srcdir)/%D%/embed-bytes.awk > $@.tmp && mv $@.tmp $@
dist_noinst_DATA += %D%/job.schema.json
