# Unit tests of dispatch.
