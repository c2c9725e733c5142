# What house_rules.cmake and test_names.cmake let pass, one a line: `<file> ...: <reason>`. An entry that is not needed
# is an error there.

# Headers of more than 300 lines, five at most.
set(long_headers)

# `<file> <included file>`: includes that close a circle.
set(circles)

# `<file> <standard header>`: includes of which the file names nothing.
set(unused_includes)
