# Scripts and documents that are not part of the program.
