# Unit tests of results.
