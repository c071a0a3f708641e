# Unit tests of backend.
