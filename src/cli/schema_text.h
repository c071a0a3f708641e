/* schemas/job.schema.json, embedded by the build (schemas/embed-bytes.awk). */
#ifndef KT_CLI_SCHEMA_TEXT_H
#define KT_CLI_SCHEMA_TEXT_H

#include <stddef.h>

extern const unsigned char schema_text[];
extern const size_t schema_text_size;

#endif
