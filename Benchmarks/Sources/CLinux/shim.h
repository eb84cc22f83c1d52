#pragma once

// Declared by unistd.h for _GNU_SOURCE only, with which Swift's Glibc is not built.
int syncfs(int fd);
