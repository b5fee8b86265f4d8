/* SPDX-License-Identifier: Apache-2.0 */
/* OpenCL on PoCL: null kernels. */
#define CL_TARGET_OPENCL_VERSION 120
#include "bench/peers.h"

#include <CL/cl.h>
#include <errno.h>
#include <stdlib.h>

#define WARM 500
#define BATCH 32

struct rig {
	cl_device_id device;
	cl_context context;
	cl_command_queue queue, other;
	cl_program program;
	cl_kernel kernel;
	cl_mem memory;
};

static const size_t one = 1;

static int set_up(struct rig *rig, const char *device)
{
	static const char *source = "__kernel void k(__global int *a) {}";
	cl_platform_id platform;
	cl_int e = CL_SUCCESS;

	if (setenv("POCL_DEVICES", device, 1) != 0 ||
	    clGetPlatformIDs(1, &platform, NULL) != CL_SUCCESS ||
	    clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &rig->device, NULL) != CL_SUCCESS)
		return -ENOTSUP;
	rig->context = clCreateContext(NULL, 1, &rig->device, NULL, NULL, &e);
	if (e == CL_SUCCESS)
		rig->queue = clCreateCommandQueue(rig->context, rig->device, 0, &e);
	if (e == CL_SUCCESS)
		rig->other = clCreateCommandQueue(rig->context, rig->device, 0, &e);
	if (e == CL_SUCCESS)
		rig->program = clCreateProgramWithSource(rig->context, 1, &source, NULL, &e);
	if (e == CL_SUCCESS)
		e = clBuildProgram(rig->program, 1, &rig->device, "", NULL, NULL);
	if (e == CL_SUCCESS)
		rig->kernel = clCreateKernel(rig->program, "k", &e);
	if (e == CL_SUCCESS)
		rig->memory = clCreateBuffer(rig->context, CL_MEM_READ_WRITE, 4096, NULL, &e);
	if (e == CL_SUCCESS)
		e = clSetKernelArg(rig->kernel, 0, sizeof(rig->memory), &rig->memory);
	return e == CL_SUCCESS ? 0 : -EIO;
}

static cl_int enqueue(struct rig *rig, cl_command_queue queue, cl_uint count, const cl_event *wait,
		      cl_event *ret)
{
	return clEnqueueNDRangeKernel(queue, rig->kernel, 1, NULL, &one, &one, count, wait, ret);
}

static cl_int null_once(struct rig *rig)
{
	cl_int e = enqueue(rig, rig->queue, 0, NULL, NULL);

	return e == CL_SUCCESS ? clFinish(rig->queue) : e;
}

/* A batch in flight is half a batch behind, as ours. Time of each. */
static cl_int rate_once(struct rig *rig)
{
	cl_int e = CL_SUCCESS;

	for (int i = 0; e == CL_SUCCESS && i < BATCH * BATCH; i++)
		e = enqueue(rig, rig->queue, 0, NULL, NULL);
	return e == CL_SUCCESS ? clFinish(rig->queue) : e;
}

static cl_int event_once(struct rig *rig, double *ret_start)
{
	cl_event user, done;
	cl_int e;

	user = clCreateUserEvent(rig->context, &e);
	if (e == CL_SUCCESS)
		e = enqueue(rig, rig->queue, 1, &user, &done);
	if (e != CL_SUCCESS)
		return e;
	(void)clFlush(rig->queue);
	*ret_start = bench_now_ns();
	e = clSetUserEventStatus(user, CL_COMPLETE);
	if (e == CL_SUCCESS)
		e = clWaitForEvents(1, &done);
	(void)clReleaseEvent(user);
	(void)clReleaseEvent(done);
	return e;
}

static cl_int edge_once(struct rig *rig)
{
	cl_event first, second;
	cl_int e = enqueue(rig, rig->other, 0, NULL, &first);

	if (e == CL_SUCCESS)
		e = enqueue(rig, rig->queue, 1, &first, &second);
	if (e != CL_SUCCESS)
		return e;
	(void)clFlush(rig->other);
	(void)clFlush(rig->queue);
	e = clWaitForEvents(1, &second);
	(void)clReleaseEvent(first);
	(void)clReleaseEvent(second);
	return e;
}

static cl_int once(struct rig *rig, int task, double *ret_start)
{
	switch (task) {
	case BENCH_RATE:
		return rate_once(rig);
	case BENCH_EVENT:
		return event_once(rig, ret_start);
	case BENCH_EDGE:
		return edge_once(rig);
	default:
		return null_once(rig);
	}
}

static int measure(const char *device, int task, struct bench_series *series)
{
	const uint32_t runs = task == BENCH_RATE ? 40 : BENCH_RUNS_MAX / 2;
	const uint32_t warm = task == BENCH_RATE ? 4 : WARM;
	const double each = task == BENCH_RATE ? BATCH * BATCH : 1;
	struct rig rig = { 0 };
	int r = set_up(&rig, device);

	bench_pin(0); /* its threads are where they were */
	for (uint32_t i = 0; r == 0 && i < warm + runs; i++) {
		double start = bench_now_ns();

		if (once(&rig, task, &start) != CL_SUCCESS)
			r = -EIO;
		else if (i >= warm)
			bench_add(series, (bench_now_ns() - start) / each);
	}
	return r; /* the process ends, and with it what was made */
}

int bench_pocl_pthread(int how, struct bench_series *series)
{
	return measure("pthread", how, series);
}

int bench_pocl_basic(int how, struct bench_series *series)
{
	return measure("basic", how, series);
}
