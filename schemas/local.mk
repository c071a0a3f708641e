# The job file's JSON Schema and the state database's migrations; both are embedded in the program.
dist_noinst_DATA += %D%/job.schema.json
