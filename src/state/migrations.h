/* The state database's migrations, embedded from schemas/. Number i brings a database of version i to i + 1. */
#ifndef KT_STATE_MIGRATIONS_H
#define KT_STATE_MIGRATIONS_H

extern const char *const schema_migrations[];
extern const int schema_version;

#endif
