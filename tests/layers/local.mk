# Who may include whom.
dist_check_SCRIPTS += %D%/check-layers
TESTS += %D%/check-layers
EXTRA_DIST += %D%/table
