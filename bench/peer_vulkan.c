/* SPDX-License-Identifier: Apache-2.0 */
/* Vulkan on lavapipe: dispatches of an empty shader, fences, timeline semaphores. */
#include "bench/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

#define WARM 100
#define NODES 100
#define BATCH 32
#define FOREVER UINT64_MAX

/* SPIR-V of an empty compute shader: void main() {}, one invocation of a group. */
static const uint32_t shader_words[] = {
	0x07230203, 0x00010000, 0,  5,          0,    /* magic, version, generator, bound, schema */
	0x00020011, 1,                                /* capability Shader */
	0x0003000e, 0,          1,                    /* memory model: logical, GLSL450 */
	0x0005000f, 5,          1,  0x6e69616d, 0,    /* entry point: compute, %1, "main" */
	0x00060010, 1,          17, 1,          1, 1, /* execution mode of %1: local size 1 1 1 */
	0x00020013, 2,                                /* %2 = void */
	0x00030021, 3,          2,                    /* %3 = function returning %2 */
	0x00050036, 2,          1,  0,          3,    /* %1 = function %3 */
	0x000200f8, 4,                                /* %4 = label */
	0x000100fd,                                   /* return */
	0x00010038,                                   /* end */
};

struct rig {
	VkInstance instance;
	VkPhysicalDevice physical;
	VkDevice device;
	VkQueue queue;
	VkCommandPool pool;
	VkCommandBuffer one, many; /* dispatches */
	VkPipelineLayout layout;
	VkPipeline pipeline;
	VkFence fence;
	VkSemaphore first, second; /* timelines */
	uint64_t value;
};

static VkResult make_instance(struct rig *rig)
{
	const VkApplicationInfo app = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
					.apiVersion = VK_API_VERSION_1_2 };
	const VkInstanceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
					    .pApplicationInfo = &app };
	VkPhysicalDevice found[8];
	uint32_t count = 8;
	VkResult r = vkCreateInstance(&info, NULL, &rig->instance);

	if (r == VK_SUCCESS)
		r = vkEnumeratePhysicalDevices(rig->instance, &count, found);
	for (uint32_t i = 0; (r == VK_SUCCESS || r == VK_INCOMPLETE) && i < count; i++) {
		VkPhysicalDeviceProperties properties;

		vkGetPhysicalDeviceProperties(found[i], &properties);
		if (properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU)
			rig->physical = found[i];
	}
	return rig->physical ? VK_SUCCESS : VK_ERROR_INITIALIZATION_FAILED;
}

static VkResult make_device(struct rig *rig)
{
	const float priority = 1;
	const VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	const VkPhysicalDeviceTimelineSemaphoreFeatures timelines = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
		.timelineSemaphore = VK_TRUE,
	};
	const VkDeviceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
					  .pNext = &timelines,
					  .queueCreateInfoCount = 1,
					  .pQueueCreateInfos = &queue };
	VkResult r = vkCreateDevice(rig->physical, &info, NULL, &rig->device);

	if (r == VK_SUCCESS)
		vkGetDeviceQueue(rig->device, 0, 0, &rig->queue);
	return r;
}

static VkResult make_pipeline(struct rig *rig)
{
	const VkShaderModuleCreateInfo words = {
		.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
		.codeSize = sizeof(shader_words),
		.pCode = shader_words,
	};
	const VkPipelineLayoutCreateInfo layout = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO
	};
	VkShaderModule module;
	VkComputePipelineCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
		.stage = { .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
			   .stage = VK_SHADER_STAGE_COMPUTE_BIT,
			   .pName = "main" },
	};
	VkResult r = vkCreateShaderModule(rig->device, &words, NULL, &module);

	if (r == VK_SUCCESS)
		r = vkCreatePipelineLayout(rig->device, &layout, NULL, &rig->layout);
	if (r != VK_SUCCESS)
		return r;
	info.stage.module = module;
	info.layout = rig->layout;
	return vkCreateComputePipelines(rig->device, VK_NULL_HANDLE, 1, &info, NULL,
					&rig->pipeline);
}

static VkResult record(struct rig *rig, VkCommandBuffer *buffer, uint32_t dispatches)
{
	const VkCommandBufferAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = rig->pool,
		.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
		.commandBufferCount = 1,
	};
	const VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
		.flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT,
	};
	VkResult r = vkAllocateCommandBuffers(rig->device, &info, buffer);

	if (r == VK_SUCCESS)
		r = vkBeginCommandBuffer(*buffer, &begin);
	if (r != VK_SUCCESS)
		return r;
	vkCmdBindPipeline(*buffer, VK_PIPELINE_BIND_POINT_COMPUTE, rig->pipeline);
	for (uint32_t i = 0; i < dispatches; i++)
		vkCmdDispatch(*buffer, 1, 1, 1);
	return vkEndCommandBuffer(*buffer);
}

static VkResult make_sync(struct rig *rig)
{
	const VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
	const VkSemaphoreTypeCreateInfo type = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
		.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
	};
	const VkSemaphoreCreateInfo info = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
					     .pNext = &type };
	VkResult r = vkCreateFence(rig->device, &fence, NULL, &rig->fence);

	if (r == VK_SUCCESS)
		r = vkCreateSemaphore(rig->device, &info, NULL, &rig->first);
	if (r == VK_SUCCESS)
		r = vkCreateSemaphore(rig->device, &info, NULL, &rig->second);
	return r;
}

static int set_up(struct rig *rig)
{
	const VkCommandPoolCreateInfo pool = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
	};
	VkResult r = make_instance(rig);

	if (r == VK_SUCCESS)
		r = make_device(rig);
	if (r != VK_SUCCESS)
		return -ENOTSUP;
	r = vkCreateCommandPool(rig->device, &pool, NULL, &rig->pool);
	if (r == VK_SUCCESS)
		r = make_pipeline(rig);
	if (r == VK_SUCCESS)
		r = record(rig, &rig->one, 1);
	if (r == VK_SUCCESS)
		r = record(rig, &rig->many, NODES);
	if (r == VK_SUCCESS)
		r = make_sync(rig);
	return r == VK_SUCCESS ? 0 : -EIO;
}

static VkResult submit_and_wait(struct rig *rig, const VkCommandBuffer *buffer)
{
	const VkSubmitInfo submit = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
				      .commandBufferCount = 1,
				      .pCommandBuffers = buffer };
	VkResult r = vkQueueSubmit(rig->queue, 1, &submit, rig->fence);

	if (r == VK_SUCCESS)
		r = vkWaitForFences(rig->device, 1, &rig->fence, VK_TRUE, FOREVER);
	return r == VK_SUCCESS ? vkResetFences(rig->device, 1, &rig->fence) : r;
}

static VkResult rate(struct rig *rig)
{
	const VkSubmitInfo submit = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
				      .commandBufferCount = 1,
				      .pCommandBuffers = &rig->one };
	VkResult r = VK_SUCCESS;

	for (int i = 0; r == VK_SUCCESS && i < BATCH * BATCH; i++)
		r = vkQueueSubmit(rig->queue, 1, &submit, VK_NULL_HANDLE);
	return r == VK_SUCCESS ? vkQueueWaitIdle(rig->queue) : r;
}

/* Dispatch that waits for one timeline and signals the other; 0: for and to none. */
static VkResult submit_between(struct rig *rig, VkSemaphore wait, VkSemaphore signal)
{
	const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
	const VkTimelineSemaphoreSubmitInfo values = {
		.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
		.waitSemaphoreValueCount = wait ? 1 : 0,
		.pWaitSemaphoreValues = &rig->value,
		.signalSemaphoreValueCount = signal ? 1 : 0,
		.pSignalSemaphoreValues = &rig->value,
	};
	const VkSubmitInfo submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.pNext = &values,
		.waitSemaphoreCount = wait ? 1 : 0,
		.pWaitSemaphores = &wait,
		.pWaitDstStageMask = &stage,
		.commandBufferCount = 1,
		.pCommandBuffers = &rig->one,
		.signalSemaphoreCount = signal ? 1 : 0,
		.pSignalSemaphores = &signal,
	};

	return vkQueueSubmit(rig->queue, 1, &submit, VK_NULL_HANDLE);
}

static VkResult await(struct rig *rig, VkSemaphore semaphore)
{
	const VkSemaphoreWaitInfo info = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
					   .semaphoreCount = 1,
					   .pSemaphores = &semaphore,
					   .pValues = &rig->value };

	return vkWaitSemaphores(rig->device, &info, FOREVER);
}

static VkResult event(struct rig *rig, double *ret_start)
{
	VkSemaphoreSignalInfo signal = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
					 .semaphore = rig->first };
	VkResult r;

	rig->value++;
	signal.value = rig->value;
	r = submit_between(rig, rig->first, rig->second);
	*ret_start = bench_now_ns();
	if (r == VK_SUCCESS)
		r = vkSignalSemaphore(rig->device, &signal);
	return r == VK_SUCCESS ? await(rig, rig->second) : r;
}

/* There is one queue: two submits with a timeline between them. */
static VkResult edge(struct rig *rig)
{
	VkResult r;

	rig->value++;
	r = submit_between(rig, VK_NULL_HANDLE, rig->first);
	if (r == VK_SUCCESS)
		r = submit_between(rig, rig->first, rig->second);
	return r == VK_SUCCESS ? await(rig, rig->second) : r;
}

static VkResult once(struct rig *rig, int task, double *ret_start)
{
	switch (task) {
	case BENCH_RATE:
		return rate(rig);
	case BENCH_EVENT:
		return event(rig, ret_start);
	case BENCH_EDGE:
		return edge(rig);
	case BENCH_GRAPH:
		return submit_and_wait(rig, &rig->many);
	default:
		return submit_and_wait(rig, &rig->one);
	}
}

int bench_lavapipe(int how, struct bench_series *series)
{
	const uint32_t runs = how == BENCH_RATE ? 20 : how == BENCH_GRAPH ? 500 : 2000;
	const uint32_t warm = how == BENCH_RATE ? 2 : WARM;
	const double each = how == BENCH_RATE ? BATCH * BATCH : 1;
	struct rig rig = { 0 };
	int r = set_up(&rig);

	bench_pin(0); /* its threads are where they were */
	for (uint32_t i = 0; r == 0 && i < warm + runs; i++) {
		double start = bench_now_ns();

		if (once(&rig, how, &start) != VK_SUCCESS)
			r = -EIO;
		else if (i >= warm)
			bench_add(series, (bench_now_ns() - start) / each);
	}
	return r; /* the process ends, and with it what was made */
}
