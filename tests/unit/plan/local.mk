# Unit tests of plan.
