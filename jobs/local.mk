# The runnable examples and their task libraries.
