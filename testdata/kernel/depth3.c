/* A tail call from 3 subprograms deep.
 * propagated: same
 */
#define DEPTH 3
#include "depth.h"
