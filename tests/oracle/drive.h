/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files that drive the model: one bench is one model and one oracle. */
#ifndef TESTS_ORACLE_DRIVE_H
#define TESTS_ORACLE_DRIVE_H

#include "model/test_core.h"
#include "oracle.h"

struct orc_bench {
	struct trn_test_core tc;
	struct orc_machine *m;
	const char *gen_name;
	uint32_t number;
	uint64_t seed;
	uint8_t *peek;
	uint8_t small[16];
	bool paired; /* the second core has a queue */
	bool dirty;  /* the model's memory is not the oracle's any more */
};

/* Where the cases of a batch live. */
struct orc_layout {
	struct orc_rng rng;
	uint32_t slots, engine;
	uint32_t sbuf, image, psum; /* offsets in a partition */
	bool preload;
};

struct orc_difference {
	uint32_t space, partition, offset;
	uint8_t mine[4], theirs[4];
};

struct orc_layout orc_layout_of(struct orc_bench *bench, const struct orc_row *row, uint32_t batch);
void orc_set_arguments(struct orc_bench *bench, struct orc_rng *rng);
bool orc_reads_psum(const struct orc_case *g);
void orc_one_case(struct orc_case *g, const struct orc_row *row, const struct orc_case *room);
struct orc_case orc_room(struct orc_bench *bench, const struct orc_layout *l, uint32_t slot);
void orc_prologue(struct orc_bench *bench, const struct orc_layout *l);
void orc_emit_case(struct orc_bench *bench, const struct orc_case *g);
void orc_poke_zone(struct orc_bench *bench, const struct orc_layout *l);
uint32_t orc_run_oracle(struct orc_bench *bench);
void orc_settle_slack(struct orc_bench *bench);
bool orc_same(struct orc_bench *bench, uint32_t space, uint32_t offset, uint32_t bytes,
	      struct orc_difference *ret);
void orc_report(struct orc_bench *bench, const struct orc_row *row, const char *what,
		const struct orc_difference *d, int slot, uint32_t batch);
/* The machine's arguments in the launch's table. */
void orc_arguments(struct orc_bench *bench);
uint32_t orc_cover_dst(const struct trn_isa_compute *c);
uint32_t orc_cover_src(const struct trn_isa_compute *c);

#endif /* TESTS_ORACLE_DRIVE_H */
