/* SPDX-License-Identifier: Apache-2.0 */
/* The same all-reduces with the MPI of this machine; bench/comm starts it by mpirun. Prints a
 * line "BYTES NANOSECONDS" for each size. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/comm.h"

static double sample(float *in, float *out, size_t bytes, uint32_t repeats)
{
	double start;

	(void)MPI_Barrier(MPI_COMM_WORLD); /* errors end the program: MPI's default */
	start = comm_now_ns();
	for (uint32_t i = 0; i < repeats; i++)
		(void)MPI_Allreduce(in, out, (int)(bytes / sizeof(float)), MPI_FLOAT, MPI_SUM,
				    MPI_COMM_WORLD);
	return (comm_now_ns() - start) / repeats;
}

int main(int argc, char **argv)
{
	const size_t bytes_max = comm_bytes[COMM_SIZES - 1];
	int rank, count, wrong = 0;
	float *in, *out;

	(void)MPI_Init(&argc, &argv);
	(void)MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	(void)MPI_Comm_size(MPI_COMM_WORLD, &count);
	comm_pin((uint32_t)rank);
	in = aligned_alloc(4096, bytes_max);
	out = aligned_alloc(4096, bytes_max);
	for (size_t i = 0; in && i < bytes_max / sizeof(float); i++)
		in[i] = (float)(rank + 1);
	if (in && out)
		memset(out, 0, bytes_max);
	for (int s = 0; in && out && s < COMM_SIZES; s++) {
		const uint32_t repeats = comm_repeats(comm_bytes[s], (uint32_t)count);
		double samples[COMM_SAMPLES];

		(void)sample(in, out, comm_bytes[s], 1);
		for (int k = 0; k < COMM_SAMPLES; k++)
			samples[k] = sample(in, out, comm_bytes[s], repeats);
		if (out[comm_bytes[s] / sizeof(float) - 1] != (float)(count * (count + 1) / 2))
			wrong = 1;
		if (rank == 0)
			printf("%zu %.1f\n", comm_bytes[s], comm_median(samples));
	}
	free(in);
	free(out);
	(void)MPI_Finalize();
	return wrong;
}
