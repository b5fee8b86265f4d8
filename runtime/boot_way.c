/* SPDX-License-Identifier: Apache-2.0 */
/* The ways by which the others find process 0: an address, a file, PMIx. */
#include "runtime/boot_private.h"
#include "base/text.h"

#include <errno.h>
#include <sys/random.h>
#include "base/clock.h"

#define HOST_TEXT_MAX 256u /* a name of 253 characters */

/* ---- an address that is known ---- */

static int tcp_find(struct trn_boot_finder *finder, struct trn_boot *boot,
		    struct trn_boot_addr *addrs, uint32_t *ret_count)
{
	char host[HOST_TEXT_MAX], port[8];
	const char *why = "";

	(void)boot;
	/* A name that is known once stays what it was. */
	if (finder->count == 0 &&
	    trn_boot_root_parse(finder->path, host, sizeof(host), port, sizeof(port)) == 0)
		finder->count = trn_boot_resolve(host, port, false, finder->addrs,
						 TRN_BOOT_ADDRS_MAX, &why);
	if (finder->count == 0)
		trn_text_copy(finder->why, sizeof(finder->why), why);
	memcpy(addrs, finder->addrs, finder->count * sizeof(addrs[0]));
	*ret_count = finder->count;
	return 0;
}

static int tcp_listen(struct trn_boot *boot, const char *root)
{
	struct trn_boot_addr addrs[TRN_BOOT_ADDRS_MAX];
	char host[HOST_TEXT_MAX], port[8];
	const char *why = "";
	uint32_t count;
	int r = -EADDRNOTAVAIL;

	(void)trn_boot_root_parse(root, host, sizeof(host), port, sizeof(port)); /* was checked */
	count = trn_boot_resolve(host, port, false, addrs, TRN_BOOT_ADDRS_MAX, &why);
	if (count == 0)
		return trn_fail(boot->context, NULL, -EINVAL, boot->operation,
				"root %.96s: no address for it: %s", root, why);
	for (uint32_t i = 0; i < count && boot->listener < 0; i++) {
		r = trn_boot_listen(&addrs[i], &boot->addrs[0]);
		boot->listener = r < 0 ? -1 : r;
	}
	if (boot->listener >= 0)
		return 0;
	return trn_fail(boot->context, NULL, r, boot->operation,
			r == -EADDRINUSE ?
				"root %.96s: another program, or another process 0, has it: %s" :
				"root %.96s: process 0 cannot listen there: %s",
			root, trn_strerror(r));
}

static int tcp_go(struct trn_boot *boot, const char *root, uint64_t deadline_ns)
{
	struct trn_boot_finder finder = { .find = tcp_find,
					  .path = root,
					  .deadline_ns = deadline_ns };
	char host[HOST_TEXT_MAX], port[8];
	int r;

	if (trn_boot_root_parse(root, host, sizeof(host), port, sizeof(port)) < 0)
		return trn_fail(boot->context, NULL, -EINVAL, boot->operation,
				"root \"%.64s\" is not HOST:PORT, [ADDRESS]:PORT, file:PATH, pmix "
				"or env",
				root);
	boot->way = "tcp";
	(void)trn_text_add(boot->where, sizeof(boot->where), 0, "%.96s", root);
	if (!trn_boot_is_hub(boot))
		return trn_boot_join(boot, &finder, deadline_ns, deadline_ns);
	r = tcp_listen(boot, root);
	return r < 0 ? r : trn_boot_gather(boot, deadline_ns);
}

/* ---- cards ---- */

int trn_boot_listen_any(struct trn_boot *boot)
{
	struct trn_boot_addr any = { .len = sizeof(any.u.v6) };
	int r;

	any.u.v6.sin6_family = AF_INET6; /* all of its addresses, of both families */
	r = trn_boot_listen(&any, &boot->addrs[0]);
	if (r < 0) {
		any = (struct trn_boot_addr){ .len = sizeof(any.u.v4) };
		any.u.v4.sin_family = AF_INET;
		r = trn_boot_listen(&any, &boot->addrs[0]);
	}
	if (r < 0)
		return trn_fail(boot->context, NULL, r, boot->operation,
				"process 0 cannot listen: %s", trn_strerror(r));
	boot->listener = r;
	boot->run_known = true;
	return 0;
}

void trn_boot_card_fill(const struct trn_boot *boot, struct trn_boot_card *card)
{
	*card = (struct trn_boot_card){ .pid = boot->peers[0].pid,
					.port = trn_boot_addr_port(&boot->addrs[0]),
					.run = boot->run };
	memcpy(card->name, boot->name, sizeof(card->name));
	memcpy(card->host, boot->peers[0].host, sizeof(card->host));
	card->count = trn_boot_addrs_own(card->addrs, TRN_BOOT_CARD_ADDRS);
}

uint32_t trn_boot_card_addrs(const struct trn_boot_card *card, struct trn_boot_finder *finder,
			     struct trn_boot_addr *addrs, uint32_t max)
{
	uint32_t count = 0;
	const char *why;
	char port[8];

	(void)trn_text_add(port, sizeof(port), 0, "%u", card->port);
	for (uint32_t i = 0; i < card->count && count < max; i++)
		count += trn_boot_resolve(card->addrs[i], port, true, addrs + count, max - count,
					  &why);
	finder->run = card->run;
	return count;
}

static int file_go(struct trn_boot *boot, const char *path, uint64_t deadline_ns)
{
	struct trn_boot_finder finder = {
		.find = trn_boot_file_find, .path = path, .card = true, .deadline_ns = deadline_ns
	};
	int r;

	if (!*path || strlen(path) > 3000)
		return trn_fail(boot->context, NULL, -EINVAL, boot->operation,
				"root \"file:\" wants a path");
	boot->way = "file";
	(void)trn_text_add(boot->where, sizeof(boot->where), 0, "file %.96s", path);
	if (!trn_boot_is_hub(boot))
		return trn_boot_join(boot, &finder, deadline_ns, deadline_ns);
	r = trn_boot_listen_any(boot);
	if (r == 0)
		r = trn_boot_file_publish(boot, path);
	return r < 0 ? r : trn_boot_gather(boot, deadline_ns);
}

static int pmix_go(struct trn_boot *boot, uint64_t deadline_ns)
{
	struct trn_boot_finder finder = {
		.find = trn_boot_pmix_find, .path = "pmix", .card = true, .deadline_ns = deadline_ns
	};
	int r;

	boot->way = "pmix";
	trn_text_copy(boot->where, sizeof(boot->where), "PMIx");
	if (!trn_boot_is_hub(boot))
		return trn_boot_join(boot, &finder, deadline_ns, deadline_ns);
	r = trn_boot_listen_any(boot);
	if (r == 0)
		r = trn_boot_pmix_publish(boot);
	return r < 0 ? r : trn_boot_gather(boot, deadline_ns);
}

int trn_boot_way_go(struct trn_boot *boot, const char *root, uint64_t deadline_ns)
{
	int r;

	if (trn_boot_is_hub(boot)) {
		if (getrandom(&boot->run, sizeof(boot->run), GRND_NONBLOCK) !=
		    (ssize_t)sizeof(boot->run))
			boot->run = trn_clock_ns() ^ ((uint64_t)boot->peers[0].pid << 40);
		boot->run |= 1; /* 0: the sender knows of no card */
	}
	if (strcmp(root, "pmix") == 0)
		r = pmix_go(boot, deadline_ns);
	else if (strncmp(root, "file:", 5) == 0)
		r = file_go(boot, root + 5, deadline_ns);
	else
		r = tcp_go(boot, root, deadline_ns);
	if (r == 0 && trn_boot_is_hub(boot))
		r = trn_boot_roster_send(boot, deadline_ns);
	return r;
}
