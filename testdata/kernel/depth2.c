/* A tail call from 2 subprograms deep.
 * propagated: same
 */
#define DEPTH 2
#include "depth.h"
