// SPDX-License-Identifier: Apache-2.0
/* The clusters of predict/ against SimGrid: the same links and routes (base/pod.h), the same
 * messages, but an actor for every chip that waits for its own messages only, and SimGrid's way of
 * sharing. docs/scale.md 7. TAP on standard output. TRN_TEST_LONG=1 in the environment: the large
 * clusters too, minutes of SimGrid's. */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include <simgrid/s4u.hpp>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "model/gen.h"
#include "predict/cluster_parts.h"
}

namespace sg = simgrid::s4u;

namespace
{

struct Row {
	const char *pod;
	uint32_t chips;
	trn_cluster_kind kind;
	trn_cluster_inner inner;
	trn_cluster_outer outer;
	uint64_t bytes;
	double margin; /* how far apart the two may be */
	bool large = false;
};

/* Twelve lanes that turn through the three rings of a torus meet in another order when every chip
 * goes on by itself: those rows have a wider margin. */
const Row rows[] = {
	{ "trn2-ultraserver", 64, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_GRID,
	  TRN_CLUSTER_OUTER_RING, 1 << 20, 0.40 },
	{ "trn2-ultraserver", 64, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_GRID,
	  TRN_CLUSTER_OUTER_RING, 1 << 28, 0.40 },
	{ "trn2-ultraserver", 64, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_RING,
	  TRN_CLUSTER_OUTER_RING, 1 << 24, 0.10 },
	{ "trn2-ultraserver", 64, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_RDH,
	  TRN_CLUSTER_OUTER_RING, 1 << 26, 0.10 },
	{ "trn2-48xl", 16, TRN_CLUSTER_ALL_TO_ALL, TRN_CLUSTER_INNER_MESH, TRN_CLUSTER_OUTER_MESH,
	  1 << 26, 0.10 },
	{ "trn3-gen1", 64, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_RING, TRN_CLUSTER_OUTER_RING,
	  1 << 24, 0.10 },
	{ "trn3-ultraserver", 144, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_GRID,
	  TRN_CLUSTER_OUTER_RING, 1 << 20, 0.15 },
	{ "trn3-gen1", 64, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_GRID, TRN_CLUSTER_OUTER_RING,
	  1 << 28, 0.15 },
	{ "trn3-ultraserver", 144, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_GRID,
	  TRN_CLUSTER_OUTER_RING, 1 << 28, 0.10, true },
	{ "trn3-ultraserver", 144, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_RING,
	  TRN_CLUSTER_OUTER_RING, 1 << 24, 0.10 },
	{ "trn3-gen1", 64, TRN_CLUSTER_ALL_TO_ALL, TRN_CLUSTER_INNER_MESH, TRN_CLUSTER_OUTER_MESH,
	  1 << 26, 0.10 },
	{ "trn3-ultraserver", 144, TRN_CLUSTER_ALL_TO_ALL, TRN_CLUSTER_INNER_MESH,
	  TRN_CLUSTER_OUTER_MESH, 1 << 26, 0.10, true },
	{ "trn4-ultraserver", 144, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_MESH,
	  TRN_CLUSTER_OUTER_RING, 1 << 26, 0.10 },
	/* Stars: chips on a network. */
	{ "trn2", 256, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_MESH, TRN_CLUSTER_OUTER_RING,
	  1 << 28, 0.10 },
	{ "trn2", 1024, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_MESH, TRN_CLUSTER_OUTER_RDH,
	  1 << 28, 0.10 },
	{ "trn2", 64, TRN_CLUSTER_ALL_TO_ALL, TRN_CLUSTER_INNER_MESH, TRN_CLUSTER_OUTER_MESH,
	  1 << 28, 0.10 },
	{ "trn2", 200, TRN_CLUSTER_ALL_TO_ALL, TRN_CLUSTER_INNER_MESH, TRN_CLUSTER_OUTER_MESH,
	  1 << 28, 0.10, true },
	/* Pods on a network: both. */
	{ "trn3-gen1", 256, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_RING, TRN_CLUSTER_OUTER_RING,
	  1 << 28, 0.10 },
	{ "trn3-ultraserver", 1008, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_RING,
	  TRN_CLUSTER_OUTER_RING, 1 << 28, 0.10, true },
	{ "trn2-ultraserver", 1024, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_RDH,
	  TRN_CLUSTER_OUTER_RDH, 1 << 28, 0.10 },
	{ "trn2-48xl", 256, TRN_CLUSTER_ALL_REDUCE, TRN_CLUSTER_INNER_GRID, TRN_CLUSTER_OUTER_MESH,
	  1 << 26, 0.40 },
	{ "trn2-48xl", 128, TRN_CLUSTER_ALL_TO_ALL, TRN_CLUSTER_INNER_MESH, TRN_CLUSTER_OUTER_MESH,
	  1 << 26, 0.10 },
};

/* ---- the platform: real links, routes when they are first used ---- */

class Platform
{
      public:
	explicit Platform(const trn_cluster &cluster);
	void route(uint32_t from, uint32_t to, bool network);
	void seal()
	{
		zone_->seal();
	}
	sg::Host *host(uint32_t chip)
	{
		return hosts_[chip];
	}

      private:
	const sg::Link *shared(const std::string &name, double rate);
	const sg::Link *delay(double seconds);
	void inside(uint32_t from, uint32_t to, std::vector<sg::LinkInRoute> &way);
	void between(uint32_t from, uint32_t to, std::vector<sg::LinkInRoute> &way);

	const trn_cluster &c_;
	sg::NetZone *zone_;
	std::vector<sg::Host *> hosts_;
	std::map<std::string, const sg::Link *> links_;
	std::map<std::pair<uint32_t, uint32_t>, bool> routed_;
};

Platform::Platform(const trn_cluster &cluster) : c_(cluster), zone_(sg::create_full_zone("all"))
{
	for (uint32_t i = 0; i < c_.chips; i++)
		hosts_.push_back(zone_->create_host("chip" + std::to_string(i), 1e12));
}

const sg::Link *Platform::shared(const std::string &name, double rate)
{
	const sg::Link *&link = links_[name];

	if (!link)
		link = zone_->create_link(name, rate)->set_latency(0.0)->seal();
	return link;
}

/* A link that is as wide as wanted, and only takes time. */
const sg::Link *Platform::delay(double seconds)
{
	std::string name = "delay" + std::to_string(static_cast<uint64_t>(seconds * 1e12 + 0.5));
	const sg::Link *&link = links_[name];

	if (!link)
		link = zone_->create_link(name, 1e18)
			       ->set_latency(seconds)
			       ->set_sharing_policy(sg::Link::SharingPolicy::FATPIPE)
			       ->seal();
	return link;
}

void Platform::inside(uint32_t from, uint32_t to, std::vector<sg::LinkInRoute> &way)
{
	uint32_t pod = from / c_.pod_chips, a = from % c_.pod_chips, b = to % c_.pod_chips;
	uint16_t links[TRN_POD_PATH_MAX];
	uint32_t count = trn_pod_route(&c_.graph, a, b, links);
	double hops = trn_pod_hops(&c_.graph, a, b);
	double dma = static_cast<double>(c_.gen->dma_engines * c_.gen->dma_load_mbps) * 1e6;

	for (uint32_t i = 0; i < count; i++)
		way.emplace_back(
			shared("pod" + std::to_string(pod) + "." + std::to_string(links[i]),
			       static_cast<double>(trn_pod_link_mbps(&c_.graph, links[i])) * 1e6));
	for (uint32_t chip : { from, to })
		way.emplace_back(shared("memory" + std::to_string(chip),
					static_cast<double>(c_.gen->hbm_bytes_per_s)));
	way.emplace_back(shared("dma" + std::to_string(from), dma));
	way.emplace_back(
		delay((hops * c_.graph.hop_ns + static_cast<double>(c_.gen->dma_done_ns)) * 1e-9));
}

void Platform::between(uint32_t from, uint32_t to, std::vector<sg::LinkInRoute> &way)
{
	uint32_t a = from / c_.pod_chips, b = to / c_.pod_chips, switches = 5;
	double nic = static_cast<double>(c_.params.nic_mbps) * 1e6;
	double up = nic * c_.leaf_pods * c_.pod_chips *
		    static_cast<double>(c_.params.uplink_percent) / 100.0;

	if (a / c_.leaf_pods == b / c_.leaf_pods)
		switches = 1;
	else if (a / c_.group_pods == b / c_.group_pods)
		switches = 3;
	way.emplace_back(shared("out" + std::to_string(from), nic));
	way.emplace_back(shared("in" + std::to_string(to), nic));
	if (switches > 1) {
		way.emplace_back(shared("up" + std::to_string(a / c_.leaf_pods), up));
		way.emplace_back(shared("down" + std::to_string(b / c_.leaf_pods), up));
	}
	way.emplace_back(delay(
		static_cast<double>(c_.params.message_ns + (switches - 1) * c_.params.switch_ns) *
		1e-9));
}

void Platform::route(uint32_t from, uint32_t to, bool network)
{
	std::vector<sg::LinkInRoute> way;

	if (from == to || routed_[{ from, to }])
		return;
	routed_[{ from, to }] = true;
	if (network)
		between(from, to, way);
	else
		inside(from, to, way);
	zone_->add_route(hosts_[from]->get_netpoint(), hosts_[to]->get_netpoint(), nullptr, nullptr,
			 way, false);
}

/* ---- what a chip does ---- */

/* To each of the peers, and from each of them; then perhaps a sum of so many parts. */
struct Step {
	std::vector<uint32_t> to, from;
	double bytes;
	double before_s, after_s;
};

struct Program {
	std::vector<std::vector<Step>> first,
		last; /* side by side; first, then middle, then last */
	std::vector<Step> middle;
};

class Maker
{
      public:
	Maker(const trn_cluster &c, const Row &row);
	Program make(uint32_t chip);

      private:
	void inside(Program &program, uint32_t chip);
	void lane(Program &program, uint32_t chip, const trn_coll_part &part, bool back,
		  double bytes);
	void between(Program &program, uint32_t chip);
	Step step(uint32_t chip, const std::vector<uint32_t> &to, const std::vector<uint32_t> &from,
		  double bytes, double work) const;
	std::vector<uint32_t> line(const trn_coll_part &part, uint32_t chip, uint32_t dim,
				   uint32_t first, uint32_t last) const;

	const trn_cluster &c_;
	const Row &row_;
	std::unique_ptr<trn_coll_plan> plan_;
	uint32_t used_ = 0;
	double op_, trigger_, done_;
};

Maker::Maker(const trn_cluster &c, const Row &row)
    : c_(c), row_(row), plan_(new trn_coll_plan),
      op_(static_cast<double>(c.gen->sync_op_ns) * 1e-9),
      trigger_(static_cast<double>(c.gen->dma_trigger_hardware_ns) * 1e-9),
      done_(static_cast<double>(c.gen->dma_done_ns) * 1e-9)
{
	std::vector<uint16_t> chips, cores(c.pod_chips, 0);
	trn_coll_site site = {};

	for (uint32_t i = 0; i < c.pod_chips; i++)
		chips.push_back(static_cast<uint16_t>(i));
	site.graph = &c.graph;
	site.ranks = c.pod_chips;
	site.chip = chips.data();
	site.core = cores.data();
	site.channels = TRN_COLL_CHANNELS;
	if (c.pod_chips > 1 &&
	    trn_coll_plan_init(plan_.get(),
			       static_cast<trn_coll_shape>(row.inner - TRN_CLUSTER_INNER_MESH),
			       &site))
		used_ = trn_coll_plan_channels(plan_.get(), &site, row.bytes);
}

/* @work: bytes that the DMA engines go through behind the messages, 0 for none. */
Step Maker::step(uint32_t chip, const std::vector<uint32_t> &to, const std::vector<uint32_t> &from,
		 double bytes, double work) const
{
	uint32_t base = chip - chip % c_.pod_chips;
	double dma = static_cast<double>(c_.gen->dma_engines * c_.gen->dma_load_mbps) * 1e6 *
		     static_cast<double>(c_.gen->dma_add_same_percent) / 100.0;
	Step s{ {}, {}, bytes, op_ + trigger_, op_ };

	for (uint32_t peer : to)
		s.to.push_back(base + peer);
	for (uint32_t peer : from)
		s.from.push_back(base + peer);
	if (work > 0)
		s.after_s += 2 * op_ + trigger_ + work / dma + done_;
	return s;
}

/* Chips that stand first to last apart in a dimension. */
std::vector<uint32_t> Maker::line(const trn_coll_part &part, uint32_t chip, uint32_t dim,
				  uint32_t first, uint32_t last) const
{
	uint32_t at = part.position[chip], stride = 1, n = part.dim[dim].size;
	std::vector<uint32_t> all;

	for (uint32_t d = dim + 1; d < part.dims; d++)
		stride *= part.dim[d].size;
	for (uint32_t i = first; i <= last; i++) {
		uint32_t mine = at / stride % n;

		all.push_back(part.rank_at[at - mine * stride + (mine + i) % n * stride]);
	}
	return all;
}

/* Channels of a part that go the same way round: base/coll.c. */
void Maker::lane(Program &program, uint32_t chip, const trn_coll_part &part, bool back,
		 double bytes)
{
	uint32_t own = chip % c_.pod_chips;
	std::vector<Step> in, out;

	for (uint32_t d = 0; d < part.dims; d++) {
		uint32_t n = part.dim[d].size, next = back ? n - 1 : 1;

		bytes /= n;
		if (!part.dim[d].ring) {
			auto peers = line(part, own, d, 1, n - 1);

			in.push_back(step(chip, peers, peers, bytes, 0));
			out.insert(out.begin(), step(chip, peers, peers, bytes, 0));
			continue;
		}
		for (uint32_t i = 1; i < n; i++) {
			in.push_back(step(chip, line(part, own, d, next, next),
					  line(part, own, d, n - next, n - next), bytes, 0));
			out.insert(out.begin(), in.back());
		}
	}
	/* What was heard last is joined. */
	in.push_back(step(chip, {}, {}, 0, bytes * part.dim[part.dims - 1].size));
	in.back().before_s = 0;
	program.first.push_back(in);
	program.last.push_back(out);
}

void Maker::inside(Program &program, uint32_t chip)
{
	uint32_t n = c_.pod_chips, own = chip % n;
	double bytes = static_cast<double>(row_.bytes);
	std::map<std::pair<uint32_t, bool>, double> lanes;

	if (n == 1)
		return;
	if (row_.kind == TRN_CLUSTER_ALL_TO_ALL) {
		auto peers = line(plan_->part[0], own, 0, 1, n - 1);

		program.first.push_back({ step(chip, peers, peers, bytes / n, 0) });
		return;
	}
	for (uint32_t ch = 0; ch < TRN_COLL_CHANNELS; ch++) {
		uint32_t part = 0;
		uint64_t from, to;
		trn_coll_way way;
		bool back = false;

		if (!trn_coll_plan_way(plan_.get(), ch, used_, &way, &from, &to))
			continue;
		while (part + 1 < plan_->parts && ch >= plan_->part[part + 1].channel)
			part++;
		for (uint32_t d = 0; d < way.dims; d++)
			back = back || way.dim[d].back;
		lanes[{ part, back }] += bytes * static_cast<double>(to - from) /
					 (TRN_COLL_SHARES * TRN_COLL_CHANNELS);
	}
	for (const auto &one : lanes)
		lane(program, chip, plan_->part[one.first.first], one.first.second, one.second);
}

void Maker::between(Program &program, uint32_t chip)
{
	uint32_t pods = trn_cluster_pods(&c_), n = c_.pod_chips, pod = chip / n;
	double bytes = static_cast<double>(row_.bytes) / n;
	auto peer = [&](uint32_t other) { return other * n + chip % n; };

	if (row_.kind == TRN_CLUSTER_ALL_TO_ALL || row_.outer == TRN_CLUSTER_OUTER_MESH) {
		Step s{ {}, {}, bytes / pods, 0, 0 };

		/* n chips there, of each the bytes for n chips here, over n rails. */
		if (row_.kind == TRN_CLUSTER_ALL_TO_ALL)
			s.bytes = static_cast<double>(row_.bytes) / c_.chips * n;
		for (uint32_t i = 1; i < pods; i++)
			s.to.push_back(peer((pod + i) % pods));
		for (uint32_t i = 1; i < pods; i++)
			s.from.push_back(peer((pod + pods - i) % pods));
		program.middle.push_back(s);
		if (row_.kind == TRN_CLUSTER_ALL_REDUCE)
			program.middle.push_back(s);
	} else if (row_.outer == TRN_CLUSTER_OUTER_RDH) {
		std::vector<Step> back;

		for (uint32_t d = pods / 2; d > 0; d /= 2) {
			bytes /= 2;
			program.middle.push_back(
				{ { peer(pod ^ d) }, { peer(pod ^ d) }, bytes, 0, 0 });
			back.insert(back.begin(), program.middle.back());
		}
		program.middle.insert(program.middle.end(), back.begin(), back.end());
	} else {
		for (uint32_t i = 0; i < 2 * (pods - 1); i++)
			program.middle.push_back({ { peer((pod + 1) % pods) },
						   { peer((pod + pods - 1) % pods) },
						   bytes / pods,
						   0,
						   0 });
	}
}

Program Maker::make(uint32_t chip)
{
	Program program;

	inside(program, chip);
	if (trn_cluster_pods(&c_) > 1)
		between(program, chip);
	return program;
}

/* ---- actors ---- */

int payload;

std::string box(uint32_t from, uint32_t to, const std::string &lane, size_t step)
{
	return std::to_string(from) + ">" + std::to_string(to) + lane + std::to_string(step);
}

void steps_run(uint32_t chip, const std::string &lane, const std::vector<Step> &steps)
{
	for (size_t i = 0; i < steps.size(); i++) {
		std::vector<sg::CommPtr> sends, receives;
		std::vector<int *> got(steps[i].from.size());

		if (steps[i].before_s > 0)
			sg::this_actor::sleep_for(steps[i].before_s);
		for (uint32_t to : steps[i].to)
			sends.push_back(sg::Mailbox::by_name(box(chip, to, lane, i))
						->put_async(&payload,
							    static_cast<uint64_t>(steps[i].bytes)));
		for (size_t k = 0; k < steps[i].from.size(); k++)
			receives.push_back(
				sg::Mailbox::by_name(box(steps[i].from[k], chip, lane, i))
					->get_async<int>(&got[k]));
		for (auto &comm : receives)
			comm->wait();
		for (auto &comm : sends)
			comm->wait();
		if (steps[i].after_s > 0)
			sg::this_actor::sleep_for(steps[i].after_s);
	}
}

void lanes_run(uint32_t chip, const char *phase, const std::vector<std::vector<Step>> &lanes)
{
	std::vector<sg::ActorPtr> actors;

	for (size_t i = 0; i < lanes.size(); i++) {
		std::string name = phase + std::to_string(i) + ".";

		actors.push_back(sg::Actor::create(name, sg::this_actor::get_host(),
						   [chip, name, &lanes, i]() {
							   steps_run(chip, name, lanes[i]);
						   }));
	}
	for (auto &actor : actors)
		actor->join();
}

double simgrid(const trn_cluster &c, const Row &row)
{
	char name[] = "simgrid_test", model[] = "--cfg=network/model:CM02";
	char cross[] = "--cfg=network/crosstraffic:0", gamma[] = "--cfg=network/TCP-gamma:1e15";
	char stack[] = "--cfg=contexts/stack-size:64", quiet[] = "--log=root.thresh:error";
	char *argv[] = { name, model, cross, gamma, stack, quiet, nullptr };
	int argc = 6;
	sg::Engine engine(&argc, argv);
	Platform platform(c);
	Maker maker(c, row);
	std::vector<Program> programs;

	for (uint32_t i = 0; i < c.chips; i++)
		programs.push_back(maker.make(i));
	for (uint32_t i = 0; i < c.chips; i++) {
		for (const auto *lanes : { &programs[i].first, &programs[i].last })
			for (const auto &lane : *lanes)
				for (const Step &s : lane)
					for (uint32_t to : s.to)
						platform.route(i, to, false);
		for (const Step &s : programs[i].middle)
			for (uint32_t to : s.to)
				platform.route(i, to, true);
	}
	platform.seal();
	for (uint32_t i = 0; i < c.chips; i++)
		sg::Actor::create("chip", platform.host(i), [i, &programs]() {
			lanes_run(i, "a", programs[i].first);
			steps_run(i, "b", programs[i].middle);
			lanes_run(i, "c", programs[i].last);
		});
	engine.run();
	return sg::Engine::get_clock();
}

/* An engine of SimGrid lasts as long as its process: each row has one. */
double simgrid_apart(const trn_cluster &c, const Row &row)
{
	double seconds = 0.0;
	int ends[2], status = 0;
	pid_t pid;

	if (pipe(ends) < 0)
		return 0.0;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		seconds = simgrid(c, row);
		_exit(write(ends[1], &seconds, sizeof(seconds)) == sizeof(seconds) ? 0 : 1);
	}
	close(ends[1]);
	if (read(ends[0], &seconds, sizeof(seconds)) != sizeof(seconds))
		seconds = 0.0;
	close(ends[0]);
	waitpid(pid, &status, 0);
	return seconds;
}

bool compare(size_t number, const Row &row)
{
	trn_cluster_call call = {};
	trn_cluster_result result;
	trn_cluster_params params;
	trn_predict_why why = { "" };
	trn_cluster cluster;
	double theirs, ratio;
	bool ok;

	/* A message that takes time to issue has no equal there. */
	trn_cluster_params_default(&params);
	params.issue_ns = 0;
	call.kind = row.kind;
	call.bytes = row.bytes;
	call.inner = row.inner;
	call.outer = row.outer;
	call.chunks = 1;
	call.fair = true;
	if (trn_cluster_init(&cluster, row.pod, nullptr, row.chips, &params, &why) < 0 ||
	    trn_cluster_run(&cluster, &call, &result, &why) < 0) {
		printf("not ok %zu - %s\n", number, why.text);
		return false;
	}
	theirs = simgrid_apart(cluster, row);
	ratio = result.seconds / theirs;
	ok = theirs > 0 && ratio < 1 + row.margin && ratio > 1 / (1 + row.margin);
	printf("%sok %zu - %u chips of %s, %s %s %s, %llu bytes: %.3f us, SimGrid %.3f us, ratio "
	       "%.3f (within %.0f %%)\n",
	       ok ? "" : "not ", number, row.chips, row.pod, trn_cluster_kind_name(row.kind),
	       trn_cluster_inner_name(row.inner), trn_cluster_outer_name(row.outer),
	       static_cast<unsigned long long>(row.bytes), result.seconds * 1e6, theirs * 1e6,
	       ratio, 100 * row.margin);
	return ok;
}

} // namespace

int main()
{
	const char *text = getenv("TRN_TEST_LONG");
	const bool all = text && strcmp(text, "1") == 0;
	bool ok = true;
	size_t count = 0;

	for (const Row &row : rows)
		if (all || !row.large)
			ok = compare(++count, row) && ok;
	printf("1..%zu\n", count);
	return ok ? 0 : 1;
}
