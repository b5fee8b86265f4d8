/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs from everybody to everybody, through the hub. */
#include "runtime/boot_private.h"
#include "base/text.h"

#include <errno.h>
#include "base/clock.h"

/* One that has left can send no blob. */
static void check_left(struct trn_boot *boot)
{
	char who[128];

	for (uint32_t p = 0; p < boot->processes; p++) {
		if (!boot->left[p])
			continue;
		trn_boot_describe(boot, p, who, sizeof(who));
		boot->left[p] = false; /* now it counts as lost */
		(void)trn_boot_loss(boot, p, TRN_BOOT_LOSS_ENDED, NULL,
				    "%s has closed its communicator", who);
	}
}

/* Hub: somebody waits in an exchange. When does it give up? */
static void note_patience(struct trn_boot *boot, struct trn_boot_conn *conn)
{
	uint32_t ms = conn->head.value < TRN_BOOT_FOREVER_MS ? (uint32_t)conn->head.value :
							       TRN_BOOT_FOREVER_MS;

	if (conn->patience_ns == TRN_DEADLINE_NEVER)
		conn->patience_ns = trn_boot_patience_end(ms);
	boot->limit_ns = trn_min_u64(boot->limit_ns, conn->patience_ns);
}

void trn_boot_overdue(struct trn_boot *boot)
{
	char who[128];

	if (!trn_boot_is_hub(boot) || boot->exchanging || boot->loss_count)
		return;
	for (uint32_t p = 1; p < boot->processes; p++)
		if (boot->conns[p].in == TRN_BOOT_IN_PARKED)
			note_patience(boot, &boot->conns[p]);
	if (!trn_clock_passed(boot->limit_ns))
		return;
	trn_boot_describe(boot, 0, who, sizeof(who));
	(void)trn_boot_loss(boot, 0, 0, NULL, "%s did not come to the exchange in time", who);
	trn_boot_pump(boot, TRN_DEADLINE_NOW);
}

/* Does what p sent belong to this exchange? Else p is lost: it disagrees. */
static bool blob_fits(struct trn_boot *boot, uint32_t p, const struct trn_boot_head *want)
{
	const struct trn_boot_head *head = &boot->conns[p].head;
	char who[128];

	if (head->kind == want->kind && head->tag == want->tag && head->length == want->length)
		return true;
	trn_boot_describe(boot, p, who, sizeof(who));
	(void)trn_boot_loss(boot, p, 0, NULL,
			    "%s is at another point: %u bytes of tag %u, process 0 %u of tag %u",
			    who, head->length, head->tag, want->length, want->tag);
	return false;
}

/* Hub: the state of p's blob. True when it is there. */
static bool collect_one(struct trn_boot *boot, uint32_t p, const struct trn_boot_head *want)
{
	struct trn_boot_conn *conn = &boot->conns[p];

	if (conn->fd < 0 || conn->in == TRN_BOOT_IN_HEAD || !blob_fits(boot, p, want))
		return false;
	note_patience(boot, conn);
	return conn->in == TRN_BOOT_IN_FULL;
}

static void expect(struct trn_boot_conn *conn, const struct trn_boot_head *want, uint8_t *body)
{
	const struct trn_boot_expect blob = {
		.kind = want->kind, .tag = want->tag, .length = want->length, .body = body
	};

	trn_boot_conn_expect(conn, &blob);
}

static void name_late(struct trn_boot *boot, uint32_t waiting, uint32_t first)
{
	char who[128], more[48] = "";

	trn_boot_describe(boot, first, who, sizeof(who));
	if (waiting > 1)
		(void)trn_text_add(more, sizeof(more), 0, ", nor did %u others", waiting - 1);
	(void)trn_boot_loss(boot, first, 0, NULL, "%s did not come to the exchange in time%s", who,
			    more);
}

static int collect(struct trn_boot *boot, const struct trn_boot_head *want, uint8_t *all,
		   uint64_t deadline_ns)
{
	boot->limit_ns = trn_min_u64(boot->limit_ns, trn_boot_before(deadline_ns));
	for (uint32_t p = 1; p < boot->processes; p++)
		expect(&boot->conns[p], want, all + (size_t)p * want->length);
	while (boot->loss_count == 0) {
		uint32_t waiting = 0, first = 0;

		for (uint32_t p = boot->processes - 1; p > 0; p--) {
			if (collect_one(boot, p, want))
				continue;
			waiting++;
			first = p;
		}
		if (waiting == 0)
			return 0;
		if (trn_clock_passed(boot->limit_ns))
			name_late(boot, waiting, first);
		trn_boot_pump(boot, boot->limit_ns);
		check_left(boot);
	}
	return -TRN_ERANK;
}

/* Hub: everything to everybody. The memory is the caller's: stays until all of it is out. */
static int spread(struct trn_boot *boot, uint32_t tag, const uint8_t *all, size_t bytes,
		  uint64_t deadline_ns)
{
	const struct trn_boot_head head = { .version = TRN_BOOT_VERSION,
					    .kind = TRN_BOOT_ALL,
					    .tag = tag,
					    .length = (uint32_t)bytes };
	char who[128];

	for (uint32_t p = 1; p < boot->processes; p++) {
		trn_boot_conn_next(&boot->conns[p]);
		boot->conns[p].patience_ns = TRN_DEADLINE_NEVER;
		(void)trn_boot_conn_lend(&boot->conns[p], &head, all);
	}
	boot->limit_ns = TRN_DEADLINE_NEVER;
	while (trn_boot_lends(boot) && boot->loss_count == 0) {
		trn_boot_pump(boot, deadline_ns);
		for (uint32_t p = 1; p < boot->processes && trn_clock_passed(deadline_ns); p++) {
			if (boot->conns[p].big_left == 0)
				continue;
			trn_boot_describe(boot, p, who, sizeof(who));
			(void)trn_boot_loss(boot, p, 0, NULL, "%s does not take what is sent", who);
		}
	}
	return boot->loss_count ? -TRN_ERANK : 0;
}

/* What was lent must not be touched any more; a message that is cut ends its connection. */
static void take_back(struct trn_boot *boot)
{
	for (uint32_t i = 0; i < boot->conn_count; i++) {
		struct trn_boot_conn *conn = &boot->conns[i];

		if (conn->in == TRN_BOOT_IN_BODY && trn_boot_kind_large(conn->head.kind))
			trn_boot_conn_close(conn);
		else if (conn->big_left > 0)
			trn_boot_conn_close(conn);
		else if (conn->in == TRN_BOOT_IN_FULL)
			trn_boot_conn_next(conn);
		conn->expect.kind = 0;
	}
}

/* The others: send one, wait for all. */
static int swap_with_hub(struct trn_boot *boot, const struct trn_boot_head *mine, const void *blob,
			 uint8_t *all, uint64_t deadline_ns)
{
	struct trn_boot_conn *conn = &boot->conns[0];
	struct trn_boot_head want = *mine;
	char who[128];

	want.kind = TRN_BOOT_ALL;
	want.length *= boot->processes;
	expect(conn, &want, all);
	(void)trn_boot_conn_lend(conn, mine, blob);
	while (boot->loss_count == 0) {
		if (conn->fd >= 0 && conn->in == TRN_BOOT_IN_PARKED)
			(void)blob_fits(boot, 0, &want);
		if (conn->in == TRN_BOOT_IN_FULL) {
			trn_boot_conn_next(conn);
			return 0;
		}
		if (trn_clock_passed(deadline_ns)) {
			trn_boot_describe(boot, 0, who, sizeof(who));
			(void)trn_boot_loss(boot, 0, 0, NULL,
					    "%s did not answer the exchange in time", who);
		}
		trn_boot_pump(boot, deadline_ns);
		if (conn->in != TRN_BOOT_IN_PARKED && conn->in != TRN_BOOT_IN_FULL)
			check_left(boot);
	}
	return -TRN_ERANK;
}

int trn_boot_exchange(struct trn_boot *boot, uint32_t tag, const void *mine, size_t size,
		      void *ret_all, uint64_t deadline_ns)
{
	const uint64_t limit_ns = trn_boot_almost(deadline_ns);
	struct trn_boot_head head = { .version = TRN_BOOT_VERSION,
				      .kind = TRN_BOOT_BLOB,
				      .process = boot->process,
				      .tag = tag,
				      .length = (uint32_t)size,
				      .value = trn_boot_patience(limit_ns) };
	int r;

	if (size > TRN_BOOT_BLOB_MAX || size * boot->processes > UINT32_MAX)
		return trn_fail(boot->context, NULL, -EINVAL, boot->operation,
				"a blob of %zu bytes, at most %u", size, TRN_BOOT_BLOB_MAX);
	check_left(boot);
	if (boot->loss_count)
		return trn_boot_fail(boot);
	boot->exchanging = true;
	if (trn_boot_is_hub(boot)) {
		if (size)
			memcpy(ret_all, mine, size);
		r = collect(boot, &head, ret_all, limit_ns);
		if (r == 0)
			r = spread(boot, tag, ret_all, size * boot->processes, limit_ns);
	} else {
		r = swap_with_hub(boot, &head, mine, ret_all, limit_ns);
	}
	boot->exchanging = false;
	if (r == 0)
		return 0;
	trn_boot_pump(boot, TRN_DEADLINE_NOW); /* the others hear of it */
	take_back(boot);
	return trn_boot_fail(boot);
}
