/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder of samples/decode as plain host C in FP32 over a BLAS: what the simulated
 * device is measured beside. */
#ifndef BENCH_DECODE_HOST_H
#define BENCH_DECODE_HOST_H

#include <stdint.h>
#include "samples/decode.h"

struct host_decoder;

/* Every weight becomes FP32 once. NULL: no memory. */
struct host_decoder *host_decoder_create(const struct decode_weights *weights, uint32_t positions);
struct host_decoder *host_decoder_destroy(struct host_decoder *host);
/* One token at the next position, with the experts of its own choice; at most as many tokens
 * as there are positions. ret_logits: [vocab]. */
void host_decoder_step(struct host_decoder *host, uint32_t token, float *ret_logits);
/* Back to the first position. */
void host_decoder_rewind(struct host_decoder *host);

#endif /* BENCH_DECODE_HOST_H */
