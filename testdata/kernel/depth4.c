/* A tail call from 4 subprograms deep.
 * propagated: same
 */
#define DEPTH 4
#include "depth.h"
