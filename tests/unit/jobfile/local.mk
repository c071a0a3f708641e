# Unit tests of jobfile.
