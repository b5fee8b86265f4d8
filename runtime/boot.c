/* SPDX-License-Identifier: Apache-2.0 */
/* A boot: opened, asked, closed. */
#include "runtime/boot_private.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/clock.h"

#define MARGIN_MIN_NS UINT64_C(20000000)
#define MARGIN_MAX_NS UINT64_C(500000000)
#define NS_PER_MS UINT64_C(1000000)
#define LOOK_NS NS_PER_MS /* trn_boot_lost() looks at the sockets that often */

/* ---- time ---- */

static uint64_t margin_of(uint64_t left)
{
	return trn_min_u64(trn_max_u64(left / 10, MARGIN_MIN_NS), MARGIN_MAX_NS);
}

uint64_t trn_boot_almost(uint64_t deadline_ns)
{
	uint64_t now = trn_clock_ns(), margin;

	if (deadline_ns == TRN_DEADLINE_NEVER || deadline_ns <= now)
		return deadline_ns;
	margin = margin_of(deadline_ns - now) / 4;
	return margin < deadline_ns - now ? deadline_ns - margin : now;
}

uint32_t trn_boot_patience(uint64_t deadline_ns)
{
	uint64_t now = trn_clock_ns();

	if (deadline_ns == TRN_DEADLINE_NEVER)
		return TRN_BOOT_FOREVER_MS;
	if (deadline_ns <= now)
		return 0;
	return (uint32_t)trn_min_u64((deadline_ns - now) / NS_PER_MS, TRN_BOOT_FOREVER_MS - 1);
}

uint64_t trn_boot_before(uint64_t deadline_ns)
{
	uint64_t now = trn_clock_ns(), left, margin;

	if (deadline_ns == TRN_DEADLINE_NEVER || deadline_ns <= now)
		return deadline_ns;
	left = deadline_ns - now;
	margin = margin_of(left);
	return margin < left ? deadline_ns - margin : now;
}

uint64_t trn_boot_patience_end(uint32_t patience_ms)
{
	if (patience_ms == TRN_BOOT_FOREVER_MS)
		return TRN_DEADLINE_NEVER;
	return trn_boot_before(trn_clock_deadline(patience_ms * NS_PER_MS));
}

/* ---- the object ---- */

static bool new_tables(struct trn_boot *boot, uint32_t processes, uint32_t conns)
{
	const struct trn_alloc *alloc = &boot->context->alloc;
	const size_t fds = (size_t)conns + TRN_BOOT_STRANGERS + 1;

	boot->peers = trn_alloc_array(alloc, processes, sizeof(*boot->peers));
	boot->addrs = trn_alloc_array(alloc, processes, sizeof(*boot->addrs));
	boot->old = trn_alloc_array(alloc, processes, sizeof(*boot->old));
	boot->here = trn_alloc_array(alloc, processes, sizeof(*boot->here));
	boot->left = trn_alloc_array(alloc, processes, sizeof(*boot->left));
	boot->losses = trn_alloc_array(alloc, (size_t)processes + 1, sizeof(*boot->losses));
	boot->conns = trn_alloc_array(alloc, conns, sizeof(*boot->conns));
	boot->strangers = trn_alloc_array(alloc, TRN_BOOT_STRANGERS, sizeof(*boot->strangers));
	boot->fds = trn_alloc_array(alloc, fds, sizeof(*boot->fds));
	boot->fd_conns = trn_alloc_array(alloc, fds, sizeof(struct trn_boot_conn *));
	return boot->peers && boot->addrs && boot->old && boot->here && boot->left &&
	       boot->losses && boot->conns && boot->strangers && boot->fds && boot->fd_conns;
}

struct trn_boot *trn_boot_new(struct trn_context *context, uint32_t processes, uint32_t conns)
{
	struct trn_boot *boot = trn_alloc_zero(&context->alloc, sizeof(*boot));

	if (!boot)
		return NULL;
	boot->context = context;
	boot->listener = -1;
	boot->processes = processes;
	boot->limit_ns = TRN_DEADLINE_NEVER;
	if (!new_tables(boot, processes, conns)) {
		trn_boot_free(boot);
		return NULL;
	}
	boot->conn_count = conns;
	for (uint32_t i = 0; i < conns; i++)
		trn_boot_conn_init(&boot->conns[i]);
	for (uint32_t i = 0; i < TRN_BOOT_STRANGERS; i++)
		trn_boot_conn_init(&boot->strangers[i]);
	for (uint32_t p = 0; p < processes; p++)
		boot->old[p] = boot->peers[p].process = p;
	(void)trn_context_ref(context);
	boot->referenced = true;
	return boot;
}

void trn_boot_free(struct trn_boot *boot)
{
	struct trn_context *context = boot->context;
	const struct trn_alloc *alloc = &context->alloc;
	bool referenced = boot->referenced;

	trn_boot_file_remove(boot);
	for (uint32_t i = 0; i < boot->conn_count; i++)
		trn_boot_conn_close(&boot->conns[i]);
	for (uint32_t i = 0; i < TRN_BOOT_STRANGERS && boot->conn_count; i++)
		trn_boot_conn_close(&boot->strangers[i]);
	if (boot->listener >= 0)
		(void)close(boot->listener);
	trn_free(alloc, boot->peers);
	trn_free(alloc, boot->addrs);
	trn_free(alloc, boot->old);
	trn_free(alloc, boot->here);
	trn_free(alloc, boot->left);
	trn_free(alloc, boot->losses);
	trn_free(alloc, boot->conns);
	trn_free(alloc, boot->strangers);
	trn_free(alloc, boot->fds);
	trn_free(alloc, boot->fd_conns);
	trn_free(alloc, boot);
	if (referenced)
		(void)trn_context_unref(context);
}

void trn_boot_hello_fill(const struct trn_boot *boot, uint64_t deadline_ns,
			 struct trn_boot_hello *hello)
{
	const struct trn_boot_peer *me = &boot->peers[boot->process];

	*hello = (struct trn_boot_hello){ .processes = boot->processes,
					  .ranks = me->ranks,
					  .pid = me->pid,
					  .patience_ms = trn_boot_patience(deadline_ns),
					  .port = trn_boot_addr_port(&boot->addrs[boot->process]),
					  .generation = boot->generation };
	memcpy(hello->host, me->host, sizeof(hello->host));
	memcpy(hello->name, boot->name, sizeof(hello->name));
}

int trn_boot_fail(struct trn_boot *boot)
{
	return trn_fail(boot->context, NULL, -TRN_ERANK, boot->operation, "%s",
			boot->losses[0].why);
}

void trn_boot_number_ranks(struct trn_boot *boot)
{
	uint32_t first = 0; /* at most 4096 x 4096 */

	for (uint32_t p = 0; p < boot->processes; p++) {
		boot->peers[p].process = p;
		boot->peers[p].first = first;
		first += boot->peers[p].ranks;
	}
	boot->numbered = true;
}

/* ---- open and close ---- */

static int opts_check(struct trn_context *context, const struct trn_boot_opts *opts)
{
	const char *name = opts->name ? opts->name : "";

	if (opts->ranks == 0 || opts->ranks > TRN_BOOT_RANKS_MAX)
		return trn_fail(context, NULL, -EINVAL, "trn_comm_create",
				"%u ranks of one process, at most %u", opts->ranks,
				TRN_BOOT_RANKS_MAX);
	if (opts->processes > TRN_BOOT_PROCESSES_MAX ||
	    (opts->process > 0 && opts->process >= opts->processes))
		return trn_fail(context, NULL, -EINVAL, "trn_comm_create",
				"process %u of %u, at most %u", opts->process, opts->processes,
				TRN_BOOT_PROCESSES_MAX);
	if (strlen(name) >= TRN_BOOT_NAME_MAX)
		return trn_fail(context, NULL, -EINVAL, "trn_comm_create",
				"the job's name has more than %u characters",
				TRN_BOOT_NAME_MAX - 1);
	for (; *name; name++)
		if (*name < ' ' || *name > '~')
			return trn_fail(context, NULL, -EINVAL, "trn_comm_create",
					"the job's name is not plain text");
	return 0;
}

/* Where the others are: what the caller says, else the environment. NULL: alone. */
static int find_root(struct trn_context *context, const struct trn_boot_opts *opts,
		     const char **ret_root)
{
	const char *root = opts->root ? opts->root : getenv("TRN_COMM_ROOT");

	if (root && strcmp(root, "env") == 0) {
		root = getenv("TRN_COMM_ROOT");
		if (!root || strcmp(root, "env") == 0)
			root = getenv("PMIX_NAMESPACE") ? "pmix" : NULL;
		if (!root)
			return trn_fail(context, NULL, -EINVAL, "trn_comm_create",
					"root \"env\": TRN_COMM_ROOT is not set, and no PMIx "
					"launcher started this process");
	}
	if (!root && opts->processes > 1)
		return trn_fail(context, NULL, -EINVAL, "trn_comm_create",
				"%u processes, but no root and no TRN_COMM_ROOT: where do they "
				"meet?",
				opts->processes);
	*ret_root = root;
	return 0;
}

static int find_self(struct trn_context *context, const struct trn_boot_opts *opts,
		     const char *root, uint32_t *ret_process, uint32_t *ret_processes)
{
	*ret_process = opts->process;
	*ret_processes = opts->processes;
	if (!root)
		*ret_processes = 1;
	else if (strcmp(root, "pmix") == 0)
		return trn_boot_pmix_begin(context, ret_process, ret_processes);
	else if (opts->processes == 0)
		return trn_boot_env(context, ret_process, ret_processes);
	return 0;
}

static void fill_self(struct trn_boot *boot, const struct trn_boot_opts *opts, uint32_t process)
{
	struct trn_boot_peer *me = &boot->peers[process];

	boot->process = process;
	boot->operation = "trn_comm_create";
	trn_text_copy(boot->name, sizeof(boot->name), opts->name ? opts->name : "");
	me->ranks = opts->ranks;
	me->pid = (uint32_t)getpid();
	/* Only for people: a host without a name has one of our own. */
	if (gethostname(me->host, sizeof(me->host) - 1) < 0 || !me->host[0])
		trn_text_copy(me->host, sizeof(me->host), "unnamed");
}

int trn_boot_open(struct trn_context *context, const struct trn_boot_opts *opts,
		  uint64_t deadline_ns, struct trn_boot **ret_boot)
{
	struct trn_boot *boot = NULL;
	uint32_t process = 0, processes = 0, silence = 0;
	const char *root = NULL;
	bool pmix;
	int r = opts_check(context, opts);

	if (r == 0)
		r = trn_boot_env_silence(context, opts->silence_ms, &silence);
	if (r == 0)
		r = find_root(context, opts, &root);
	if (r == 0)
		r = find_self(context, opts, root, &process, &processes);
	if (r < 0)
		return r;
	deadline_ns = trn_boot_almost(deadline_ns);
	pmix = root && strcmp(root, "pmix") == 0;
	boot = trn_boot_new(context, processes, process == 0 ? processes : 1);
	if (!boot) {
		r = trn_fail(context, NULL, -ENOMEM, "trn_comm_create",
			     "no memory for %u processes", processes);
	} else {
		fill_self(boot, opts, process);
		boot->silence_ms = silence;
		boot->way = "alone";
		r = root ? trn_boot_way_go(boot, root, deadline_ns) : 0;
	}
	if (pmix)
		trn_boot_pmix_end();
	if (r < 0) {
		if (boot)
			trn_boot_free(boot);
		return r;
	}
	boot->tells = true;
	boot->stage = TRN_BOOT_STAGE_READY;
	trn_boot_number_ranks(boot);
	*ret_boot = boot;
	return 0;
}

void trn_boot_close(struct trn_boot *boot)
{
	const struct trn_boot_head bye = { .version = TRN_BOOT_VERSION, .kind = TRN_BOOT_BYE };

	if (!boot)
		return;
	/* What is still to be told goes first, as far as the kernel takes it. */
	if (boot->stage == TRN_BOOT_STAGE_READY)
		trn_boot_pump(boot, TRN_DEADLINE_NOW);
	for (uint32_t i = 0; i < boot->conn_count; i++) {
		struct trn_boot_conn *conn = &boot->conns[i];

		/* Whoever does not take it sees the connection close. */
		if (conn->fd >= 0 && trn_boot_conn_put(conn, &bye, NULL))
			(void)trn_boot_conn_flush(conn);
	}
	trn_boot_free(boot);
}

/* ---- questions ---- */

uint32_t trn_boot_process(const struct trn_boot *boot)
{
	return boot->process;
}

uint32_t trn_boot_processes(const struct trn_boot *boot)
{
	return boot->processes;
}

const char *trn_boot_way(const struct trn_boot *boot)
{
	return boot->way;
}

const struct trn_boot_peer *trn_boot_peer(const struct trn_boot *boot, uint32_t process)
{
	return process < boot->processes ? &boot->peers[process] : NULL;
}

uint32_t trn_boot_old_process(const struct trn_boot *boot, uint32_t process)
{
	return process < boot->processes ? boot->old[process] : TRN_BOOT_NOBODY;
}

/* Its ranks while not all are known: as if every process had as many as this one. */
static bool ranks_guess(const struct trn_boot *boot, uint32_t process, uint32_t *ret_first,
			uint32_t *ret_ranks)
{
	uint32_t ranks = boot->peers[boot->process].ranks;

	for (uint32_t p = 0; p < boot->processes; p++)
		if (boot->peers[p].ranks && boot->peers[p].ranks != ranks)
			return false;
	*ret_first = process * ranks;
	*ret_ranks = ranks;
	return true;
}

void trn_boot_describe(const struct trn_boot *boot, uint32_t process, char *text, size_t size)
{
	const struct trn_boot_peer *peer = trn_boot_peer(boot, process);
	char numbers[48] = "", from[96] = "";
	uint32_t first = peer ? peer->first : 0, ranks = peer ? peer->ranks : 0;

	if (peer && (boot->numbered || ranks_guess(boot, process, &first, &ranks)))
		(void)trn_text_add(numbers, sizeof(numbers), 0,
				   ranks > 1 ? "ranks %u-%u" : "rank %u", first, first + ranks - 1);
	if (peer && peer->pid)
		(void)trn_text_add(from, sizeof(from), 0, "%shost %s, pid %u",
				   numbers[0] ? ", " : "", peer->host, peer->pid);
	(void)trn_text_add(text, size, 0,
			   numbers[0] || from[0] ? "process %u (%s%s)" : "process %u", process,
			   numbers, from);
}

bool trn_boot_lost_at(const struct trn_boot *boot, uint32_t index, uint32_t *ret_process, char *why,
		      size_t size)
{
	if (index >= boot->loss_count)
		return false;
	*ret_process = boot->losses[index].process;
	if (size)
		trn_text_copy(why, size, boot->losses[index].why);
	return true;
}

bool trn_boot_lost(struct trn_boot *boot, uint32_t *ret_process, char *why, size_t size)
{
	if (boot->stage == TRN_BOOT_STAGE_READY && trn_clock_ns() - boot->pumped_ns >= LOOK_NS) {
		trn_boot_pump(boot, TRN_DEADLINE_NOW);
		trn_boot_overdue(boot);
	}
	return trn_boot_lost_at(boot, 0, ret_process, why, size);
}

bool trn_boot_left(struct trn_boot *boot, uint32_t process)
{
	return process < boot->processes && boot->left[process];
}

void trn_boot_tell(struct trn_boot *boot, uint32_t process, const char *why)
{
	char who[128];

	if (process >= boot->processes)
		return;
	trn_boot_describe(boot, process, who, sizeof(who));
	(void)trn_boot_loss(boot, process, 0, NULL, "%s %s", who, why);
	if (boot->stage == TRN_BOOT_STAGE_READY)
		trn_boot_pump(boot, TRN_DEADLINE_NOW);
}
