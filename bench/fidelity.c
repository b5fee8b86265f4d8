/* SPDX-License-Identifier: Apache-2.0 */
/* The model's time against the published and measured figures (hardware-and-isa facts, section
 * 8: K1 to K13; docs/fidelity.md). Every figure of the model is device time of a run, or
 * arithmetic on such figures, which is printed. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "bench/fidelity.h"
#include "model/gen.h"
#include "model/model.h"
#ifdef TRN_HAVE_PREDICT
#include "predict/predict.h"
#endif

#define ROWS_MAX 96u
#define CHIP_CORES 8.0
#define K_ROWS 128.0 /* of a plain matmul; twice and four times for FP8 and MX */

/* How a figure is judged. */
enum judge {
	WITHIN_PERCENT,
	WITHIN_POINTS, /* of a percentage */
	IN_RANGE,
	NOT_MEASURED,
};

struct row {
	const char *id;
	char what[72];
	char how[112]; /* arithmetic, reading */
	const char *unit, *source;
	enum judge judge;
	double expected, most; /* most: upper end of a range */
	double model, tolerance;
};

struct table {
	struct row row[ROWS_MAX];
	uint32_t count;
	struct fid_rig trn2, trn3;
	bool quick;
	/* Figures that other rows build on. */
	double f8_core, mx_core;   /* FLOP/s of one tensor engine */
	double hbm_trn2, hbm_trn3; /* B/s of a chip */
};

static struct row *add(struct table *table, const char *id, const char *unit, const char *source)
{
	struct row *row = &table->row[table->count++];

	*row = (struct row){ .id = id, .unit = unit, .source = source, .tolerance = 2 };
	return row;
}

__attribute__((format(printf, 2, 3))) static void say(char *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, 72, format, args);
	va_end(args);
}

/* ---- measuring ---- */

typedef int make_fn(const void *what, uint32_t count, struct fid_program *ret);

static int time_of(struct fid_rig *rig, make_fn *make, const void *what, uint32_t count,
		   uint32_t cores, double *ret_ns)
{
	struct fid_program program;
	int r = make(what, count, &program);

	if (r < 0) {
		fprintf(stderr, "fidelity: program: %s\n", trn_strerror(r));
		return r;
	}
	r = fid_run(rig, &program, cores, ret_ns);
	fid_release(&program);
	return r;
}

/* Nanoseconds of one of many: what more of them take, divided by how many more. */
static int steady(struct fid_rig *rig, make_fn *make, const void *what, uint32_t few, uint32_t many,
		  uint32_t cores, double *ret_ns)
{
	double a = 0, b = 0;
	/* The first one warms up: both that count find the device alike. */
	int r = time_of(rig, make, what, few, cores, &a);

	if (r == 0)
		r = time_of(rig, make, what, few, cores, &a);
	if (r == 0)
		r = time_of(rig, make, what, many, cores, &b);
	*ret_ns = (b - a) / (many - few);
	return r;
}

static int make_matmul(const void *what, uint32_t count, struct fid_program *ret)
{
	struct fid_matmul shape = *(const struct fid_matmul *)what;

	shape.count = count;
	return fid_matmuls(shape.op == TRN_OP_MATMUL_MX ? 3 : 0, &shape, ret);
}

static int make_loads(const void *what, uint32_t count, struct fid_program *ret)
{
	return fid_loads(0, *(const uint32_t *)what, count, ret);
}

static int make_copies(const void *what, uint32_t count, struct fid_program *ret)
{
	return fid_copies(0, *(const uint32_t *)what, count, ret);
}

static int make_transfer(const void *what, uint32_t count, struct fid_program *ret)
{
	struct fid_transfer t = *(const struct fid_transfer *)what;

	t.bytes *= count;
	return fid_dma_then_use(0, &t, ret);
}

static int make_activation(const void *what, uint32_t count, struct fid_program *ret)
{
	(void)what;
	return fid_activation(0, count, ret);
}

/* ---- K1 to K5: rates ---- */

static int matmul_row(struct table *table, struct fid_rig *rig, const struct fid_matmul *shape,
		      double rows, struct row *row)
{
	double ns = 0;
	int r = steady(rig, make_matmul, shape, 200, 1200, 1, &ns);

	(void)table;
	row->model = 2.0 * rows * 128.0 * shape->n / ns / 1e3;
	row->unit = "TFLOP/s";
	(void)snprintf(row->how, sizeof(row->how), "2 x %g x 128 x %u / %.3f ns", rows, shape->n,
		       ns);
	return r;
}

static int k1(struct table *table)
{
	static const struct fid_matmul shape = { TRN_OP_MATMUL, TRN_DTYPE_BF16, 0, 512, 0 };
	struct row *row = add(table, "K1", "cycles", "H 1.3, 8");
	double ns = 0;
	int r = steady(&table->trn2, make_matmul, &shape, 200, 1200, 1, &ns);

	say(row->what, "matmul 128 x 128 x 512 BF16, one of many, trn2");
	row->expected = 512;
	row->model = ns * (double)trn_gen_find("trn2")->clock_tensor_mhz / 1e3;
	if (r < 0)
		return r;
	row = add(table, "K1", "", "H 1.3, 8");
	say(row->what, "the same as a rate of a core");
	row->expected = 78.6;
	return matmul_row(table, &table->trn2, &shape, K_ROWS, row);
}

static int k2(struct table *table)
{
	static const struct fid_matmul shape = { TRN_OP_MATMUL_MX, TRN_DTYPE_F8E4M3FN_X4, 0, 512,
						 0 };
	struct row *row = add(table, "K2", "TFLOP/s", "H 1.3, 8");
	int r;

	say(row->what, "MX matmul, K = 512, a core, trn3");
	row->expected = 314.6;
	r = matmul_row(table, &table->trn3, &shape, 4 * K_ROWS, row);
	table->mx_core = row->model;
	row = add(table, "K2", "TFLOP/s", "H 1.1, 1.3, 8");
	say(row->what, "the same, a chip");
	row->expected = 2517;
	row->model = CHIP_CORES * table->mx_core;
	(void)snprintf(row->how, sizeof(row->how), "8 x %.2f", table->mx_core);
	return r;
}

static int k3(struct table *table)
{
	static const struct fid_matmul shape = { TRN_OP_MATMUL, TRN_DTYPE_F8E4M3,
						 TRN_MATMUL_DOUBLE_ROW, 512, 0 };
	struct row *row = add(table, "K3", "TFLOP/s", "H 1.3, 8");
	int r = matmul_row(table, &table->trn2, &shape, 2 * K_ROWS, row);

	say(row->what, "FP8 double row, a core, trn2");
	row->expected = 157.3;
	table->f8_core = row->model;
	row = add(table, "K3", "TFLOP/s", "H 1.3, 8");
	say(row->what, "the same, a chip");
	row->expected = 1258;
	row->model = CHIP_CORES * table->f8_core;
	(void)snprintf(row->how, sizeof(row->how), "8 x %.2f", table->f8_core);
	return r;
}

/* The whole chip: every core copies inside its own stack, which is read and written. */
static int hbm_rate(struct fid_rig *rig, double *ret_rate)
{
	const uint32_t bytes = 1u << 20;
	double ns = 0;
	int r = steady(rig, make_copies, &bytes, 16, 144, FID_CORES, &ns);

	*ret_rate = CHIP_CORES * 2.0 * bytes / ns * 1e9;
	return r;
}

static int k5(struct table *table)
{
	const double chips2 = (double)trn_gen_find("trn2")->chips_ultraserver;
	const double chips3 = (double)trn_gen_find("trn3")->chips_ultraserver;
	struct row *row = add(table, "K5", "x", "H 1.1, 8");
	int r = hbm_rate(&table->trn2, &table->hbm_trn2);

	if (r == 0)
		r = hbm_rate(&table->trn3, &table->hbm_trn3);
	if (r < 0)
		return r;
	say(row->what, "HBM streamed by all cores, chip, trn3 / trn2");
	row->expected = 1.69;
	row->model = table->hbm_trn3 / table->hbm_trn2;
	(void)snprintf(row->how, sizeof(row->how), "%.3f TB/s / %.3f TB/s, read + written",
		       table->hbm_trn3 / 1e12, table->hbm_trn2 / 1e12);
	row = add(table, "K5", "x", "H 2.1, 8");
	say(row->what, "the same, UltraServer");
	row->expected = 3.80;
	row->model = chips3 * table->hbm_trn3 / (chips2 * table->hbm_trn2);
	(void)snprintf(row->how, sizeof(row->how), "%g x %.3f / (%g x %.3f)", chips3,
		       table->hbm_trn3 / 1e12, chips2, table->hbm_trn2 / 1e12);
	return 0;
}

static void k4(struct table *table)
{
	const struct trn_gen *trn2 = trn_gen_find("trn2"), *trn3 = trn_gen_find("trn3");
	const double chips2 = (double)trn2->chips_ultraserver;
	const double chips3 = (double)trn3->chips_ultraserver;
	struct row *row = add(table, "K4", "x", "H 3 H1c, 8");

	say(row->what, "UltraServer FP8, MXFP8 / FP8, tensor engines");
	row->expected = 4.50;
	row->judge = table->mx_core > 0 ? WITHIN_PERCENT : NOT_MEASURED;
	row->model = chips3 * CHIP_CORES * table->mx_core / (chips2 * CHIP_CORES * table->f8_core);
	(void)snprintf(row->how, sizeof(row->how), "%g x 8 x %.2f / (%g x 8 x %.2f)", chips3,
		       table->mx_core, chips2, table->f8_core);
	row = add(table, "K4", "x", "H 3 H1, 8");
	say(row->what, "the same with published peaks (no run: all engines)");
	row->expected = 4.36;
	row->model =
		chips3 * (double)trn3->peak_f8_tflops / (chips2 * (double)trn2->peak_f8_tflops);
	(void)snprintf(row->how, sizeof(row->how), "%g x %llu / (%g x %llu)", chips3,
		       (unsigned long long)trn3->peak_f8_tflops, chips2,
		       (unsigned long long)trn2->peak_f8_tflops);
}

/* ---- K6 to K8: DMA ---- */

static int trigger_to_use(struct table *table, const struct fid_transfer *t, double *ret_ns)
{
	double with = 0, without = 0;
	int r = time_of(&table->trn2, make_transfer, t, 1, 1, &with);

	if (r == 0)
		r = time_of(&table->trn2, make_transfer, t, 0, 1, &without);
	*ret_ns = with - without;
	return r;
}

static int k6(struct table *table)
{
	const struct fid_transfer one = { TRN_ENGINE_SYNC, TRN_DGE_STATIC, 8, 4096 };
	const struct fid_transfer all = { TRN_ENGINE_SYNC, TRN_DGE_STATIC, 128, 4096 };
	struct row *row = add(table, "K6", "ns", "H 4.6, 8");
	int r = steady(&table->trn2, make_transfer, &one, 1, 3, 1, &row->model);

	say(row->what, "DMA, 32 KiB by one engine, payload, trn2");
	row->expected = 1420;
	row->tolerance = 2;
	if (r < 0)
		return r;
	row = add(table, "K6", "ns", "H 8: trace 22278 to 25014");
	say(row->what, "32 KiB by each engine, static ring: trigger to use");
	row->expected = 2736;
	row->tolerance = 5;
	return trigger_to_use(table, &all, &row->model);
}

static int k7(struct table *table)
{
	const struct fid_transfer t = { TRN_ENGINE_GPSIMD, TRN_DGE_SOFTWARE, 128, 256 };
	struct row *row = add(table, "K7", "ns", "H 8: trace 33300 to 34801");

	say(row->what, "DMA of 128 x 256 B, gpsimd: trigger to use, trn2");
	row->expected = 1501;
	row->tolerance = 5;
	return trigger_to_use(table, &t, &row->model);
}

static const struct {
	uint32_t bytes;
	double percent;
} curve[] = {
	{ 32, 1.2 },    { 64, 2.6 },     { 128, 5.0 },   { 256, 10.3 },
	{ 512, 20.6 },  { 1024, 42.4 },  { 2048, 81.4 }, { 4096, 96.8 },
	{ 8192, 98.4 }, { 16384, 99.2 }, { 32768, 100 },
};
#define CURVE_POINTS (sizeof(curve) / sizeof(curve[0]))

static int k8_of(struct table *table, struct fid_rig *rig, const char *name)
{
	double rate[CURVE_POINTS], ns = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < CURVE_POINTS; i++) {
		r = steady(rig, make_loads, &curve[i].bytes, 40, 120, 1, &ns);
		rate[i] = 128.0 * curve[i].bytes / ns;
	}
	for (size_t i = 0; r == 0 && i < CURVE_POINTS; i++) {
		struct row *row = add(table, "K8", "% of most", "H 4.6: chart");

		say(row->what, "DMA of 128 x %u B, %s", curve[i].bytes, name);
		row->judge = WITHIN_POINTS;
		row->tolerance = 5;
		row->expected = curve[i].percent;
		row->model = 100 * rate[i] / rate[CURVE_POINTS - 1];
		(void)snprintf(row->how, sizeof(row->how), "%.1f / %.1f B/ns", rate[i],
			       rate[CURVE_POINTS - 1]);
	}
	return r;
}

/* ---- K9, K10: kernels ---- */

static int k9(struct table *table)
{
	static const struct {
		uint32_t n;
		double ns;
	} points[] = { { 128, 400 }, { 4096, 3707 } };
	double without = 0;
	/* The first launch loads the table of exp, which stays. */
	int r = time_of(&table->trn2, make_activation, NULL, 0, 1, &without);

	if (r == 0)
		r = time_of(&table->trn2, make_activation, NULL, 0, 1, &without);
	for (uint32_t i = 0; r == 0 && i < 2; i++) {
		struct row *row = add(table, "K9", "ns", "H 4.5, 8");
		double with = 0;

		r = time_of(&table->trn2, make_activation, NULL, points[i].n, 1, &with);
		say(row->what, "ACTIVATION exp, N = %u, start to result, trn2", points[i].n);
		row->expected = points[i].ns;
		row->model = with - without;
	}
	return r;
}

struct conv_shape {
	enum trn_dtype dtype;
	uint32_t side;
};

static int make_conv(const void *what, uint32_t count, struct fid_program *ret)
{
	const struct conv_shape *shape = what;

	(void)count;
	return fid_conv(2, shape->dtype, shape->side, shape->side, ret);
}

static int k10(struct table *table)
{
	static const struct {
		struct conv_shape shape;
		const char *name;
		double least, most;
	} convs[] = {
		{ { TRN_DTYPE_F16, 224 }, "FP16", 739, 1002 },
		{ { TRN_DTYPE_F32, 224 }, "FP32", 2957, 4596 },
	};
	double worst = 0;
	int r = fid_conv_verify(&worst);

	if (r == 0 && worst > 0) {
		fprintf(stderr, "fidelity: the convolution is wrong by %g\n", worst);
		return -EIO;
	}
	for (uint32_t i = 0; r == 0 && i < 2; i++) {
		struct row *row = add(table, "K10", "us", "H 3.2, 8");
		double ns = 0;

		r = time_of(&table->trn2, make_conv, &convs[i].shape, 1, 1, &ns);
		say(row->what, "conv 3 x 3, 256 ch, 224 x 224, %s, trn2", convs[i].name);
		row->judge = IN_RANGE;
		row->expected = convs[i].least;
		row->most = convs[i].most;
		row->model = ns / 1e3;
		(void)snprintf(row->how, sizeof(row->how), "%.1f TFLOP/s; the kernel is exact",
			       2.0 * 222 * 222 * 256 * 256 * 9 / ns / 1e3);
	}
	return r;
}

/* ---- K11 to K13: from other rows, other tools ---- */

#ifdef TRN_HAVE_PREDICT
/* Bytes of a decode step of GPT-OSS-120B, all of it on one chip. */
static int step_bytes(const char *gen, uint32_t batch, double *ret_bytes)
{
	struct trn_predict_roofline roofline;
	struct trn_predict_config config;
	struct trn_predict_why why = { "" };
	struct trn_predict_request request = {
		.config = &config,
		.gen = gen,
		.batch = batch,
		.context = 4096,
		.chip_equivalent = true,
		.seed = 1,
	};
	int r = trn_predict_config_load("gpt-oss-120b", &config, &why);

	if (r == 0)
		r = trn_predict_request_check(&request, &why);
	if (r == 0)
		r = trn_predict_roofline(&request, &roofline, &why);
	if (r < 0) {
		fprintf(stderr, "fidelity: prediction: %s\n", why.text);
		return r;
	}
	*ret_bytes = roofline.weight_bytes + roofline.kv_bytes;
	return 0;
}

/* The bytes of H 3.1 at the rates that K5 measured: memory is the limit in both (H 3.1). */
static int k11(struct table *table)
{
	static const struct {
		uint32_t batch;
		double ratio;
	} points[] = { { 1, 3.41 }, { 1024, 2.96 } };
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < 2; i++) {
		struct row *row = add(table, "K11", "x", "H 3.1, 8");
		double bytes2 = 0, bytes3 = 0;

		r = step_bytes("trn2", points[i].batch, &bytes2);
		if (r == 0)
			r = step_bytes("trn3", points[i].batch, &bytes3);
		say(row->what, "GPT-OSS-120B roofline, batch %u, trn2 / trn3", points[i].batch);
		row->expected = points[i].ratio;
		row->model = bytes2 / table->hbm_trn2 / (bytes3 / table->hbm_trn3);
		(void)snprintf(row->how, sizeof(row->how),
			       "%.2f GB / %.3f TB/s over %.2f GB / %.3f TB/s", bytes2 / 1e9,
			       table->hbm_trn2 / 1e12, bytes3 / 1e9, table->hbm_trn3 / 1e12);
	}
	return r;
}
#else
static int k11(struct table *table)
{
	struct row *row = add(table, "K11", "x", "H 3.1, 8");

	say(row->what, "GPT-OSS-120B roofline, batch 1, trn2 / trn3");
	row->expected = 3.41;
	row->judge = NOT_MEASURED;
	(void)snprintf(row->how, sizeof(row->how), "built without json-c: no configurations");
	return 0;
}
#endif

static void k12(struct table *table)
{
	const double chips = (double)trn_gen_find("trn3")->chips_ultraserver;
	struct row *row = add(table, "K12", "servers", "H 2.4, 8");

	say(row->what, "UltraServers of a million chips (no run)");
	row->expected = 6944;
	row->model = floor(1e6 / chips);
	(void)snprintf(row->how, sizeof(row->how), "1000000 / %g", chips);
	row = add(table, "K12", "ZFLOP/s", "H 2.4, 8");
	say(row->what, "their MXFP8 rate");
	row->expected = 2.52;
	row->judge = table->mx_core > 0 ? WITHIN_PERCENT : NOT_MEASURED;
	row->model = 1e6 * CHIP_CORES * table->mx_core / 1e9;
	(void)snprintf(row->how, sizeof(row->how), "1000000 x 8 x %.2f TFLOP/s", table->mx_core);
}

static void k13(struct table *table)
{
	const struct trn_gen *trn2 = trn_gen_find("trn2"), *trn3 = trn_gen_find("trn3");
	struct row *row = add(table, "K13", "x", "H 1.4, 8");

	say(row->what, "energy per FLOP at full load, trn2 / trn3 (no run)");
	row->expected = 1.40;
	row->model = trn_energy_fj_per_flop(trn2) / trn_energy_fj_per_flop(trn3);
	(void)snprintf(row->how, sizeof(row->how), "%g W / %llu over %g W / %llu TFLOP/s",
		       (double)trn_energy_full_load_mw(trn2) / 1e3,
		       (unsigned long long)trn2->peak_f8_tflops,
		       (double)trn_energy_full_load_mw(trn3) / 1e3,
		       (unsigned long long)trn3->peak_f8_tflops);
}

/* ---- the table ---- */

static double deviation(const struct row *row)
{
	return row->judge == WITHIN_POINTS ? row->model - row->expected :
					     100 * (row->model / row->expected - 1);
}

static bool good(const struct row *row)
{
	switch (row->judge) {
	case IN_RANGE:
		return row->model >= row->expected && row->model <= row->most;
	case NOT_MEASURED:
		return true;
	case WITHIN_PERCENT:
	case WITHIN_POINTS:
	default:
		/* A figure that is no number is not good either. */
		return fabs(deviation(row)) <= row->tolerance;
	}
}

static const char *verdict(const struct row *row)
{
	if (row->judge == NOT_MEASURED)
		return "not measured";
	return good(row) ? "good" : "BEYOND";
}

static void print_text(const struct row *row)
{
	char expected[32], model[32] = "-", off[32] = "-", limit[32];

	(void)snprintf(expected, sizeof(expected), "%.6g", row->expected);
	(void)snprintf(limit, sizeof(limit), row->judge == WITHIN_POINTS ? "%g pt" : "%g %%",
		       row->tolerance);
	if (row->judge == IN_RANGE) {
		(void)snprintf(expected, sizeof(expected), "%.6g-%.6g", row->expected, row->most);
		(void)snprintf(limit, sizeof(limit), "inside");
	}
	if (row->judge != NOT_MEASURED)
		(void)snprintf(model, sizeof(model), "%.6g", row->model);
	if (row->judge == WITHIN_PERCENT || row->judge == WITHIN_POINTS)
		(void)snprintf(off, sizeof(off), "%+.2f", deviation(row));
	printf("%-4s %-54s %-9s %11s %9s %7s %7s  %-12s %s%s%s\n", row->id, row->what, row->unit,
	       expected, model, off, limit, verdict(row), row->source, row->how[0] ? "; " : "",
	       row->how);
}

static void print_json(const struct row *row, bool last)
{
	static const char *const judges[] = { "percent", "points", "range", "not measured" };

	printf("{\"id\":\"%s\",\"what\":\"%s\",\"unit\":\"%s\",\"expected\":%.6g,", row->id,
	       row->what, row->unit, row->expected);
	if (row->judge == IN_RANGE)
		printf("\"expected_most\":%.6g,", row->most);
	if (row->judge != NOT_MEASURED)
		printf("\"model\":%.6g,", row->model);
	if (row->judge == WITHIN_PERCENT || row->judge == WITHIN_POINTS)
		printf("\"deviation\":%.4f,\"tolerance\":%g,", deviation(row), row->tolerance);
	printf("\"judge\":\"%s\",\"verdict\":\"%s\",\"source\":\"%s\",\"how\":\"%s\"}%s\n",
	       judges[row->judge], verdict(row), row->source, row->how, last ? "" : ",");
}

static int measure(struct table *table)
{
	int r = fid_open(&table->trn2, "mock:trn2?timing-only=1");

	if (r == 0)
		r = fid_open(&table->trn3, "mock:trn3?timing-only=1");
	if (r == 0)
		r = k1(table);
	if (r == 0)
		r = k2(table);
	if (r == 0)
		r = k3(table);
	if (r == 0)
		k4(table);
	if (r == 0)
		r = k5(table);
	if (r == 0)
		r = k6(table);
	if (r == 0)
		r = k7(table);
	if (r == 0)
		r = k8_of(table, &table->trn2, "trn2");
	if (r == 0)
		r = k8_of(table, &table->trn3, "trn3");
	if (r == 0)
		r = k9(table);
	if (r == 0 && !table->quick)
		r = k10(table);
	if (r < 0)
		return r;
	r = k11(table);
	k12(table);
	k13(table);
	return r;
}

static uint32_t print(const struct table *table, bool json)
{
	uint32_t beyond = 0;

	if (json)
		printf("{\"schema\":\"trn.bench.fidelity/1\",\"rows\":[\n");
	else
		printf("%-4s %-54s %-9s %11s %9s %7s %7s  %-12s %s\n", "id", "what", "unit",
		       "expected", "model", "off", "limit", "verdict", "source; arithmetic");
	for (uint32_t i = 0; i < table->count; i++) {
		beyond += good(&table->row[i]) ? 0 : 1;
		if (json)
			print_json(&table->row[i], i + 1 == table->count);
		else
			print_text(&table->row[i]);
	}
	if (json)
		printf("],\"beyond\":%u}\n", beyond);
	else
		printf("%u rows, %u beyond their limits; times are virtual\n", table->count,
		       beyond);
	return beyond;
}

int main(int argc, char **argv)
{
	static struct table table;
	bool check = false, json = false;
	uint32_t beyond;
	int r;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--check") == 0)
			check = true;
		else if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (strcmp(argv[i], "--quick") == 0)
			table.quick = true;
		else {
			fprintf(stderr, "usage: fidelity [--check] [--json] [--quick]\n"
					"  --check  exit 1 when a figure is beyond its limit\n"
					"  --quick  without the convolutions (K10)\n");
			return 2;
		}
	}
	r = measure(&table);
	fid_close(&table.trn2);
	fid_close(&table.trn3);
	if (r < 0)
		return 1;
	beyond = print(&table, json);
	return check && beyond > 0 ? 1 : 0;
}
