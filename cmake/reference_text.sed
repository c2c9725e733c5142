# Lets links to a program of examples/ lead to its page of the reference, and doxygen see the link to LICENSE.
s/\]\((examples\/)?([a-z_]+\.cpp)\)/](@ref \2)/g
s/\]\(LICENSE\)/](.\/LICENSE)/
