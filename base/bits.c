/* SPDX-License-Identifier: Apache-2.0 */
/* Compile-time checks of what base/bits.h takes for granted about the host. */
#include "base/bits.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "loads and stores assume little endian");
_Static_assert(sizeof(float) == 4 && sizeof(double) == 8, "IEEE 754 sizes");
_Static_assert(sizeof(void *) == 8, "a device's memory is larger than a 32-bit address space");
