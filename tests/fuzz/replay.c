/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds every file of a corpus folder to a fuzz target and prints TAP: the saved
 * inputs are a regression test on any compiler, libFuzzer or not. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in byte order, so that subtest numbers mean the same everywhere. */
static size_t list_files(const char *folder, char ***ret_names)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char **names = NULL;
	size_t count = 0;

	while (dir && (entry = readdir(dir))) {
		char **grown;

		if (entry->d_name[0] == '.')
			continue;
		grown = realloc(names, (count + 1) * sizeof(*names));
		if (!grown)
			break;
		names = grown;
		names[count] = strdup(entry->d_name);
		if (names[count])
			count++;
	}
	if (dir)
		closedir(dir);
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	*ret_names = names;
	return count;
}

static int replay(const char *folder, const char *name)
{
	char path[4096];
	uint8_t *data = NULL;
	size_t got = 0;
	struct stat st;
	FILE *file;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path))
		return -1;
	file = fopen(path, "rb");
	if (!file)
		return -1;
	/* Exact size, so that ASan sees the first byte read past the end. */
	if (fstat(fileno(file), &st) == 0)
		data = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
	if (data)
		got = fread(data, 1, (size_t)st.st_size, file);
	(void)fclose(file); /* opened for reading: nothing is lost */
	if (!data)
		return -1;
	(void)LLVMFuzzerTestOneInput(data, got); /* a target has no result: it crashes or not */
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	char **names = NULL;
	size_t count;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	count = list_files(argv[1], &names);
	if (!count)
		printf("1..0 # SKIP no corpus in %s\n", argv[1]);
	else
		printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		int r = replay(argv[1], names[i]);

		printf("%s %zu - %s\n", r ? "not ok" : "ok", i + 1, names[i]);
		fflush(stdout);
		free(names[i]);
	}
	free(names);
	return 0;
}
