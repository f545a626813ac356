/* A tail call from 5 subprograms deep.
 * propagated: same
 */
#define DEPTH 5
#include "depth.h"
