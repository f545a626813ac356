/* A tail call from 6 subprograms deep.
 * propagated: same
 */
#define DEPTH 6
#include "depth.h"
