#pragma once

#include <signal.h>

// Those that a supervisor waits for.
void lx_supervisor_signals(sigset_t *set);
