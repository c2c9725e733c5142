"""What the processes run. Each imports this file by itself: what the program defined in its own Python is not there."""


def count_primes(first, last):
    return sum(all(n % d for d in range(2, int(n**0.5) + 1)) for n in range(max(first, 2), last))
