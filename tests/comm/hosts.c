/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int wrong(const struct self *self, int r, const char *what)
{
	struct trn_error error = { .size = sizeof(error) };

	(void)trn_error_get(self->context, &error);
	fprintf(stderr, "# process %u: %s: %s: %s\n", self->process, what, trn_strerror(r),
		error.cause);
	return r < 0 ? r : -EPROTO;
}

uint32_t run_job(struct job *job, process_fn *fn)
{
	char folder[] = "/tmp/trn-hosts-XXXXXX";
	pid_t pids[PROCESSES_MAX];
	uint32_t bad = 0;

	if (!mkdtemp(folder))
		return UINT32_MAX;
	(void)snprintf(job->root, sizeof(job->root), "file:%s/root", folder);
	(void)fflush(NULL);
	for (uint32_t p = 0; p < job->processes; p++) {
		pids[p] = fork();
		if (pids[p] == 0) {
			struct self self = { .job = job, .process = p };
			int r = fn(&self);

			(void)fflush(NULL);
			_exit(r == 0 ? 0 : 1);
		}
	}
	for (uint32_t p = 0; p < job->processes; p++) {
		int status = 1;

		if (waitpid(pids[p], &status, 0) != pids[p] || status != 0)
			bad |= 1u << p;
	}
	(void)unlink(job->root + 5);
	(void)rmdir(folder);
	return bad;
}

int open_all(struct self *self)
{
	const struct job *job = self->job;
	struct trn_comm_opts opts = { .size = sizeof(opts),
				      .count = job->locals[self->process],
				      .process = self->process,
				      .processes = job->processes,
				      .root = job->root,
				      .flags = job->flags,
				      .provider = job->provider };
	struct trn_buffer_opts buffer = { .size = sizeof(buffer),
					  .bytes = job->buffers ? job->buffers : BUFFER_BYTES };
	struct trn_comm_info info = { .size = sizeof(info) };
	uint32_t count = 0;
	int r = trn_context_create(NULL, &self->context);

	self->locals = opts.count;
	if (r == 0 && opts.count > 0) {
		r = trn_pod_open(self->context, job->pod ? job->pod : "mock:trn2-48xl",
				 trn_deadline_in(LIMIT_NS), self->devices, 64, &count);
		opts.devices = self->devices;
	}
	opts.count += opts.count == 0;
	for (uint32_t l = 0; r == 0 && l < self->locals; l++) {
		r = trn_buffer_create(self->devices[l], &buffer, &self->src[l]);
		if (r == 0)
			r = trn_buffer_create(self->devices[l], &buffer, &self->dst[l]);
	}
	if (r == 0)
		r = trn_comm_create(self->context, &opts, trn_deadline_in(LIMIT_NS), &self->comm);
	if (r == 0)
		r = trn_comm_info(self->comm, &info);
	self->first = info.first;
	self->ranks = info.ranks;
	return r < 0 ? wrong(self, r, "opening") : 0;
}

void close_all(struct self *self)
{
	(void)trn_comm_unref(self->comm);
	for (uint32_t l = 0; l < LOCALS_MAX; l++) {
		(void)trn_buffer_unref(self->src[l]);
		(void)trn_buffer_unref(self->dst[l]);
	}
	for (uint32_t d = 0; d < 64; d++)
		(void)trn_device_unref(self->devices[d]);
	(void)trn_context_unref(self->context);
}
