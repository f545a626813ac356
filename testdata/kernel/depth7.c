/* A tail call from 7 subprograms deep.
 * propagated: same
 */
#define DEPTH 7
#include "depth.h"
