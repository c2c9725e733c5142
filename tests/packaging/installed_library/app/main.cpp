// tests/packaging/installed_library/app/main.cpp: the program of a user of that library.
// SPDX-License-Identifier: MIT
#include <cstdio>

int answer();
int main() { std::printf("6 * 7 = %d\n", answer()); }
