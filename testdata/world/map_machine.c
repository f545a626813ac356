/* The machine of machine.h over maps that keep what they have. */
#include "machine.h"
