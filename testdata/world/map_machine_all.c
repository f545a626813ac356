/* The machine of machine.h over maps of every kind, and callbacks that go through them. */
#define UNORDERED
#include "machine.h"
