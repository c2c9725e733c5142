# What the reference reads of a header; lines stay where they are. The first line tells what the header is for.
# Namespace detail and the inline namespace v1 are not shown.
1s/^\/\/ latepy\/\([^:]*\): \(.*\)$/\/** \\file latepy\/\1 \\brief \2 *\//
/^namespace detail {$/,/^}  \/\/ namespace detail$/s/.*//
s/^inline namespace v1 {$//
s/^}  \/\/ namespace v1$//
s/v1:://g
