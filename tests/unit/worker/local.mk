# Unit tests of worker.
