# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The stages of `./dev ci`, which reads this file and whose functions it uses. Each stage has its
# own build folder under build-ci/, its own shell and its own counts, and builds only what it runs.

ci=build-ci
stages=(gcc install clang asan tsan valgrind arm64 fuzz)
by_name_only=(coverage) # repeats most suites, and can find nothing that they do not
# Some tests wait more than they work.
export MESON_TESTTHREADS=$(($(nproc) + 1))
asan_options='abort_on_error=0:detect_leaks=1:detect_stack_use_after_return=1'

# Adds one line "passed failed skipped" to the counts of the running stage.
count() { printf '%d %d %d\n' "$1" "$2" "$3" >>"$ci/counts.$stage"; }

skip() {
	say "SKIPPED $stage: $*"
	count 0 0 1
}

# check NAME COMMAND...: one test of this script's own.
check() {
	local name=$1
	shift
	if "$@"; then
		echo "ok - $name"
		count 1 0 0
	else
		echo "not ok - $name"
		count 0 1 0
	fi
}

# build_for DIR SUITES...: what the tests of these suites need.
build_for() {
	local dir=$1 targets
	shift
	ninja -C "$dir" --quiet build.ninja # what there is may have changed
	mapfile -t targets < <(python3 tests/targets.py "$dir" "$@")
	[ ${#targets[@]} = 0 ] || ninja -C "$dir" "${targets[@]}"
}

# suites DIR SUITES...: builds and runs their tests, and counts subtests; meson test's own options
# go through test_options.
test_options=()
suites() {
	local dir=$1 suite chosen=()
	shift
	build_for "$dir" "$@"
	for suite in "$@"; do
		if meson test -C "$dir" --no-rebuild --list --suite "$suite" 2>/dev/null |
			grep -qv '^No '; then
			chosen+=(--suite "$suite")
		else
			say "no tests in suite $suite"
		fi
	done
	if [ ${#chosen[@]} = 0 ]; then
		skip 'none of its suites has a test'
		return 0
	fi
	run_tests "$dir" "${test_options[@]}" "${chosen[@]}"
}

# slower FACTOR: time-outs of meson and of Check, for instrumented or emulated programs.
slower() {
	test_options=(--timeout-multiplier "$1")
	export CK_TIMEOUT_MULTIPLIER=$1
}

# run_tests DIR ARGS...: meson test, then the count; failures are in the count.
run_tests() {
	local dir=$1
	shift
	rm -f "$dir"/meson-logs/testlog*.json
	meson test -C "$dir" --no-rebuild --print-errorlogs --quiet "$@" || true
	python3 tests/count.py --append "$ci/counts.$stage" "$dir"/meson-logs/testlog*.json ||
		[ -s "$ci/counts.$stage" ] || count 0 1 0
}

stage_gcc() {
	CC=gcc configure "$ci/gcc" --prefix "$PWD/$ci/prefix"
	ninja -C "$ci/gcc"
	slower 3
	export TRN_ORACLE_CASES=${TRN_ORACLE_CASES:-256}
	run_tests "$ci/gcc" "${test_options[@]}"
}

# The installed tree, and nothing else, is what a user compiles against.
stage_install() {
	local prefix=$PWD/$ci/prefix source name pkgs parts sources
	[ -d "$ci/gcc" ] || CC=gcc configure "$ci/gcc" --prefix "$prefix"
	ninja -C "$ci/gcc"
	rm -rf "$prefix"
	meson install -C "$ci/gcc" --no-rebuild --quiet
	PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name trn.pc)")
	LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH")
	export PKG_CONFIG_PATH LD_LIBRARY_PATH
	mkdir -p "$ci/installed"
	check 'pkg-config knows trn' pkg-config --modversion trn
	mapfile -t sources < <(grep -lE '^int main\(' samples/*.c 2>/dev/null)
	for source in "${sources[@]}"; do
		name=$(basename "$source" .c)
		[ "$name" = "${name%_test}" ] || continue
		mapfile -t parts < <(find samples -name "${name}_*.c" ! -name '*_test.c')
		pkgs=trn
		grep -q '<json-c/' "$source" "${parts[@]}" && pkgs='trn json-c'
		# shellcheck disable=SC2046,SC2086
		check "compile $name, shared" gcc -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -o \
			"$ci/installed/$name" "$source" "${parts[@]}" \
			$(pkg-config --cflags --libs $pkgs) -lm
	done
	if [ -x "$ci/installed/hello_device" ]; then
		check 'run hello_device' "$ci/installed/hello_device"
		# shellcheck disable=SC2046
		check 'compile hello_device, static' gcc -std=c11 -D_GNU_SOURCE -o \
			"$ci/installed/hello_static" samples/hello_device.c \
			$(pkg-config --cflags trn) "$LD_LIBRARY_PATH/libtrn.a" \
			$(pkg-config --static --libs-only-l trn | sed s/-ltrn//)
		check 'run hello_device, static' "$ci/installed/hello_static"
	fi
}

stage_clang() {
	have clang || { skip 'no clang' && return 0; }
	CC=clang configure "$ci/clang"
	slower 3
	export TRN_ORACLE_CASES=64
	suites "$ci/clang" unit cts oracle
}

stage_asan() {
	CC=gcc configure "$ci/asan" -Db_sanitize=address,undefined -Db_lundef=false \
		-Doptimization=1
	slower 8
	export ASAN_OPTIONS=$asan_options UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
	export TRN_ORACLE_CASES=64
	suites "$ci/asan" unit cts fault stress fuzz samples tools fidelity oracle comm
}

stage_tsan() {
	CC=gcc configure "$ci/tsan" -Db_sanitize=thread -Db_lundef=false -Doptimization=1
	slower 20
	export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
	export TRN_STRESS_SECONDS=60
	suites "$ci/tsan" tsan
}

stage_valgrind() {
	have valgrind || { skip 'no valgrind' && return 0; }
	[ -d "$ci/gcc" ] || CC=gcc configure "$ci/gcc" --prefix "$PWD/$ci/prefix"
	# The test binaries reserve less address space, or valgrind's shadow of it gets too large.
	export TRN_TEST_HBM=64M CK_TIMEOUT_MULTIPLIER=40
	say 'left to asan: what is not in suite valgrind (arithmetic in bulk, jobs of processes)'
	test_options=(--setup valgrind)
	suites "$ci/gcc" valgrind
}

# Unpacks the arm64 packages beside the build; the machine's package database is not touched.
arm64_sysroot() {
	local root=$ci/arm64-sysroot apt=$PWD/$ci/arm64-apt deb options
	[ ! -f "$root/.complete" ] || return 0
	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$root"
	: >"$apt/state/status"
	options=(-q -y -o APT::Architecture=arm64 -o APT::Architectures::=arm64
		-o "Dir::State=$apt/state" -o "Dir::State::status=$apt/state/status"
		-o "Dir::Cache=$apt/cache" -o APT::Sandbox::User= -o Debug::NoLocking=1)
	apt-get "${options[@]}" update >"$apt/log" 2>&1 &&
		apt-get "${options[@]}" install --no-install-recommends --download-only \
			libc6-dev check libnuma-dev libjson-c-dev libfabric-dev \
			>>"$apt/log" 2>&1 || return 1
	for deb in "$apt"/cache/archives/*.deb; do
		dpkg -x "$deb" "$root" || return 1
	done
	touch "$root/.complete"
}

stage_arm64() {
	if [ "$(uname -m)" != x86_64 ]; then
		skip 'cross build is from x86-64' && return 0
	fi
	have aarch64-linux-gnu-gcc || { skip 'no arm64 cross compiler' && return 0; }
	have qemu-aarch64 || { skip 'no qemu-user' && return 0; }
	have apt-get || { skip 'no apt to fetch arm64 packages with' && return 0; }
	if ! arm64_sysroot; then
		tail -5 "$ci/arm64-apt/log"
		skip 'arm64 packages not to be had' && return 0
	fi
	printf "[constants]\nsysroot = '%s'\n" "$PWD/$ci/arm64-sysroot" >"$ci/arm64-sysroot.ini"
	configure "$ci/arm64" --cross-file cross/aarch64.ini --cross-file "$ci/arm64-sysroot.ini"
	build_for "$ci/arm64" unit tools samples
	export TRN_TEST_HBM=64M TRN_ORACLE_CASES=32
	slower 15
	say 'run are short unit tests (suite valgrind) and the oracle; the others are only built'
	suites "$ci/arm64" valgrind oracle
}

# A short real fuzz run on top of the corpus that every build replays.
stage_fuzz() {
	local target targets=() seconds=${TRN_FUZZ_SECONDS:-5} name
	have clang || { skip 'no clang' && return 0; }
	CC=clang configure "$ci/fuzz" -Dfuzz=true -Db_lundef=false
	for target in tests/fuzz/*_fuzz.c; do
		if ninja -C "$ci/fuzz" -t query "${target%.c}" >/dev/null 2>&1; then
			targets+=("${target%.c}")
		else
			skip "$target: what it links is not built here"
		fi
	done
	ninja -C "$ci/fuzz" "${targets[@]}"
	for target in "${targets[@]}"; do
		name=$(basename "$target" _fuzz)
		mkdir -p "$ci/fuzz/new/$name" "tests/fuzz/corpus/$name"
		check "fuzz $name, $seconds s" "$ci/fuzz/$target" -max_total_time="$seconds" \
			-timeout=10 -rss_limit_mb=4096 -verbosity=0 -print_final_stats=1 \
			-seed="$((16#${commit:0:7}))" \
			-artifact_prefix="$ci/fuzz/" "$ci/fuzz/new/$name" "tests/fuzz/corpus/$name"
	done
}

stage_coverage() {
	local floor
	have gcovr || { skip 'no gcovr' && return 0; }
	CC=gcc configure "$ci/coverage" -Db_coverage=true -Doptimization=1
	slower 5
	find "$ci/coverage" -name '*.gcda' -delete
	export TRN_ORACLE_CASES=64
	suites "$ci/coverage" unit cts fault samples tools oracle fidelity comm
	gcovr -r . "$ci/coverage" -e '.*_test\.[ch]$' -e 'tests/' --exclude-directories '.*/tests' \
		--json "$ci/coverage/all.json" >/dev/null
	say 'line coverage by floor'
	for floor in base model hal runtime kernels predict tools; do
		printf '  %-8s ' "$floor"
		gcovr -r . -a "$ci/coverage/all.json" -f "$floor/" -s 2>/dev/null |
			sed -n 's/^lines: //p' | grep . || echo 'no lines'
	done
}

# Seconds of processor time of all that this shell has waited for.
cpu_seconds() {
	times >"$ci/times"
	awk 'NR == 2 { gsub(/[ms]/, " "); print int($1 * 60 + $2 + $3 * 60 + $4) }' "$ci/times"
}

run_stage() {
	local start=$SECONDS cpu status=0
	stage=$1
	say "stage $stage"
	: >"$ci/counts.$stage"
	cpu=$(<"$ci/cpu")
	set +e
	(
		set -e
		"stage_$stage"
	)
	status=$?
	set -e
	if [ "$status" != 0 ]; then
		say "stage $stage broke off (status $status)"
		count 0 1 0
	fi
	cpu_seconds >"$ci/cpu"
	awk -v name="$stage" -v seconds=$((SECONDS - start)) -v cpu=$(($(<"$ci/cpu") - cpu)) \
		'{ p += $1; f += $2; s += $3 }
		END { printf "== stage %s: %d passed, %d failed, %d skipped, %d s (%d s of CPU)\n",
			name, p, f, s, seconds, cpu }' \
		"$ci/counts.$stage" | tee -a "$ci/summary"
}

# ci_names NAMES...: sets chosen_stages. Not 0: there is nothing to run.
ci_names() {
	local name
	chosen_stages=("$@")
	[ $# -gt 0 ] || chosen_stages=("${stages[@]}")
	if [ "${chosen_stages[0]}" = --list ]; then
		printf '%s\n' "${stages[@]}"
		printf '%s (by name only)\n' "${by_name_only[@]}"
		return 1
	fi
	for name in "${chosen_stages[@]}"; do
		[ "$(type -t "stage_$name")" = function ] ||
			fail "no stage '$name' (./dev ci --list)"
	done
}

ci_run() {
	local start=$SECONDS name
	mkdir -p "$ci"
	rm -f "$ci"/counts.* "$ci/summary"
	commit=$(git rev-parse HEAD 2>/dev/null || echo 0000000000000000)
	export TRN_SEED=${TRN_SEED:-0x${commit:0:15}}
	say "commit $commit, TRN_SEED=$TRN_SEED, $(nproc) cores"
	cpu_seconds >"$ci/cpu"
	for name in "${chosen_stages[@]}"; do
		run_stage "$name"
	done
	say "summary, $((SECONDS - start)) s ($(<"$ci/cpu") s of CPU)"
	cat "$ci/summary"
	awk '{ p += $1; f += $2; s += $3 }
		END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 }' \
		"$ci"/counts.*
}
