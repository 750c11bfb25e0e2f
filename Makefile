# tbtc-signer. `make help` lists the targets. The two that a newcomer needs: demo, check.

CC       ?= cc
PREFIX   ?= /usr/local
LUA      ?= lua5.4
BUSTED   ?= busted --lua=/usr/bin/lua5.4
VARIANT  ?= release
BUILD    := build
OUT      := $(if $(filter release,$(VARIANT)),$(BUILD),$(BUILD)/$(VARIANT))
PACKAGES := lua5.4 libsecp256k1 libsodium

WARNINGS := -std=c11 -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
# Thread-local variables in the static block: a thread's first use of another would allocate, and abort where
# that fails.
HARDEN   := -fPIC -fvisibility=hidden -fstack-protector-strong -ftls-model=initial-exec -D_GNU_SOURCE
FLAGS_release := -O2 -D_FORTIFY_SOURCE=2
FLAGS_bench   := -O2 -D_FORTIFY_SOURCE=2 -DSIGNER_PROBE
FLAGS_test    := -O1 -g -DSIGNER_TEST
FLAGS_asan    := -O1 -g -DSIGNER_TEST -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS_tsan    := -O1 -g -DSIGNER_TEST -fsanitize=thread
FLAGS_fuzz    := -O1 -g -Wno-sign-conversion -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# Asked once, and only when something is compiled: the packages may be missing before `deps` ran.
PACKAGE_CFLAGS = $(eval PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES)))$(PACKAGE_CFLAGS)
PACKAGE_LIBS   = $(eval PACKAGE_LIBS := $(shell pkg-config --libs $(PACKAGES)))$(PACKAGE_LIBS)
# `make SIGNER_NO_KERNEL=1`: libsecp256k1 and libsodium alone, without our own code for public points.
FLAGS_kernel := $(if $(SIGNER_NO_KERNEL),-DSIGNER_NO_KERNEL)
CFLAGS_ALL = $(WARNINGS) $(HARDEN) $(FLAGS_$(VARIANT)) $(FLAGS_kernel) -Isrc -Iinclude -I$(OUT) $(PACKAGE_CFLAGS) $(CFLAGS)
LIBS = $(PACKAGE_LIBS) -lpthread -ldl
LINK_SHARED = -shared -Wl,-z,nodelete -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,-Bsymbolic $(filter -fsanitize%,$(FLAGS_$(VARIANT)))

# Bindings named lua_test_*, and what they share (test_*), exist in test builds only.
BINDINGS := $(sort $(filter-out $(if $(filter release bench fuzz,$(VARIANT)),src/binding/lua_test_%),$(wildcard src/binding/lua_*.c)))
PARTS    := $(sort $(foreach d,base curve frost roast bitcoin custody store registry session runtime,$(wildcard src/$(d)/*.c))) \
            src/binding/binding.c $(BINDINGS) $(if $(filter release bench fuzz,$(VARIANT)),,$(sort $(wildcard src/binding/test_*.c)))
ENTRY    := $(sort $(filter-out src/abi/module.c,$(wildcard src/abi/*.c)))
EMBEDDED := $(sort $(shell find lua policies -name '*.lua' 2>/dev/null))
OBJECTS   = $(PARTS:%.c=$(OUT)/obj/%.o)

# Every build runs in a make of its own, after `deps`: as many jobs as processors unless the caller said.
BUILD_WITH = +@$(MAKE) $(if $(V),,-s) --no-print-directory $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

# Short lines while building; `make V=1` shows the commands.
SAY = $(if $(V),,@echo "  $(1) $@";)

.DEFAULT_GOAL := all
.PHONY: all help deps deps-quiet demo check test-build asan tsan lint crash damage workload stress fuzz bench bench-store install uninstall clean lint-tree FORCE

all: deps-quiet ## build the library, the Lua module and the command (the default)
	$(BUILD_WITH) $(BUILD)/libfrost_tbtc.so $(BUILD)/tbtc_signer.so $(BUILD)/tbtc-signer

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile

deps: ## install the Debian packages that are missing
	@scripts/deps

deps-quiet:
	@scripts/deps --quiet

$(BUILD)/tbtc-signer: scripts/tbtc-signer
	@mkdir -p $(@D)
	@ln -sf ../scripts/tbtc-signer $@

# -- objects -----------------------------------------------------------------------------------
# Files that say how and of what things are made. They change only when their content does, so that
# other flags, a file that was removed or a binding that was added rebuild what depends on them.
define keep_if_same
	@mkdir -p $(@D)
	@printf '%s\n' $(1) > $@.new
	@cmp -s $@.new $@ && rm -f $@.new || mv $@.new $@
endef

$(OUT)/gen/flags: FORCE
	$(call keep_if_same,'$(CC) $(CFLAGS_ALL)')

$(OUT)/gen/objects: FORCE
	$(call keep_if_same,$(OBJECTS) $(ENTRY))

$(OUT)/gen/embedded: FORCE
	$(call keep_if_same,$(EMBEDDED) .)

$(OUT)/gen/bindings.inc: FORCE
	$(call keep_if_same,$(if $(BINDINGS),$(patsubst src/binding/lua_%.c,'BINDING(%)',$(BINDINGS)),'/* none */'))

# The kernel lives on inlining; the vectorisation of straight code slows its carry chains down.
$(OUT)/obj/src/curve/kernel_%.o: private CFLAGS_ALL += $(if $(filter release bench test,$(VARIANT)),-O3 -fno-tree-slp-vectorize)

$(OUT)/obj/%.o: %.c $(OUT)/gen/flags | $(OUT)/gen/bindings.inc
	@mkdir -p $(@D)
	$(call SAY,cc)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(OUT)/gen/lua_sources.c: scripts/embed $(OUT)/gen/embedded $(EMBEDDED)
	$(call SAY,embed)scripts/embed $(EMBEDDED) > $@.new && mv $@.new $@

$(OUT)/obj/gen/lua_sources.o: $(OUT)/gen/lua_sources.c $(OUT)/gen/flags
	@mkdir -p $(@D)
	$(call SAY,cc)$(CC) $(CFLAGS_ALL) -c $< -o $@

# -- the two shared objects -----------------------------------------------------------------------
$(OUT)/libfrost_tbtc.so: $(OBJECTS) $(ENTRY:%.c=$(OUT)/obj/%.o) $(OUT)/obj/gen/lua_sources.o $(OUT)/gen/objects src/abi/exports.map
	$(call SAY,link)$(CC) $(LINK_SHARED) -Wl,-soname,libfrost_tbtc.so.4 -Wl,--version-script=src/abi/exports.map \
	    $(filter %.o,$^) $(LIBS) -o $@.new && mv $@.new $@ && ln -sf libfrost_tbtc.so $@.4

$(OUT)/tbtc_signer.so: $(OBJECTS) $(OUT)/obj/src/abi/module.o $(OUT)/obj/gen/lua_sources.o $(OUT)/gen/objects src/abi/module.map
	$(call SAY,link)$(CC) $(LINK_SHARED) -Wl,--version-script=src/abi/module.map $(filter %.o,$^) $(LIBS) -o $@.new && mv $@.new $@

-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)

# -- tests ------------------------------------------------------------------------------------------
test-build:
	$(BUILD_WITH) VARIANT=test $(BUILD)/test/libfrost_tbtc.so $(BUILD)/test/tbtc_signer.so

check: all ## build, then run every spec
	@$(MAKE) $(if $(V),,-s) --no-print-directory test-build
	@scripts/check test

asan: all ## the specs under address and undefined-behaviour sanitizers
	$(BUILD_WITH) VARIANT=asan $(BUILD)/asan/libfrost_tbtc.so $(BUILD)/asan/tbtc_signer.so
	@scripts/check asan

tsan: deps-quiet ## threads against the ABI under thread sanitizer
	$(BUILD_WITH) VARIANT=tsan $(BUILD)/tsan/libfrost_tbtc.so
	@scripts/check tsan

lint: deps-quiet ## layers, layout, warnings of C and Lua
	@$(MAKE) $(if $(V),,-s) --no-print-directory VARIANT=test lint-tree

lint-tree: $(OUT)/gen/bindings.inc
	@LINT_FLAGS='$(CFLAGS_ALL)' scripts/lint

demo: all ## five nodes make a key and sign a redemption; one is killed on the way
	@$(BUILD)/tbtc-signer demo

crash: deps-quiet ## every operation that writes under every failure, the whole table
	@$(MAKE) $(if $(V),,-s) --no-print-directory test-build
	@scripts/crash 2>$(BUILD)/test/crash.log

damage: deps-quiet ## every bit, cut, zeroed sector and moved page of small stores: SEED=, ONLY=
	@$(MAKE) $(if $(V),,-s) --no-print-directory test-build
	@scripts/damage $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only '$(ONLY)') 2>$(BUILD)/test/damage.log

workload: deps-quiet ## random operations and faults against a model: SEED=, OPERATIONS=
	@$(MAKE) $(if $(V),,-s) --no-print-directory test-build
	@scripts/workload $(if $(SEED),--seed $(SEED)) --operations $(or $(OPERATIONS),100000)

BENCH_COMMON := bench/signing.c bench/peer.c
BENCH_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(foreach d,base curve frost,$(wildcard src/$(d)/*.c)))

$(BUILD)/bench/core: bench/core.c bench/ceremony.c $(BENCH_COMMON) bench/signing.h bench/peer.h $(BENCH_OBJECTS)
	@mkdir -p $(@D)
	$(call SAY,link)$(CC) $(CFLAGS_ALL) -Ibench $(filter %.c,$^) $(filter %.o,$^) $(LIBS) -o $@

# The whole library with clocks in the path of a call, in one program (VARIANT=bench).
$(BUILD)/bench/calls: bench/calls.c bench/probe.c $(BENCH_COMMON) bench/signing.h bench/peer.h $(OBJECTS) $(ENTRY:%.c=$(OUT)/obj/%.o) $(OUT)/obj/gen/lua_sources.o
	$(call SAY,link)$(CC) $(CFLAGS_ALL) -Ibench $(filter %.c,$^) $(filter %.o,$^) $(LIBS) -o $@

STRESS_FLAGS := -std=c11 -O2 -D_GNU_SOURCE -Isrc

stress: ## compare the kernel for public points with the library for minutes (STRESS=20: how many times over)
	@mkdir -p $(BUILD)/kernel
	@$(CC) $(STRESS_FLAGS) -r -nostdlib -fPIC -DSIGNER_NO_KERNEL src/base/bytes.c src/base/error.c src/base/fault.c \
	    src/curve/context.c src/curve/kernel.c src/curve/point.c src/curve/scalar.c src/curve/scalar_public.c \
	    $$(pkg-config --cflags libsecp256k1 libsodium) -o $(BUILD)/kernel/reference.o
	@for field in "" $(if $(filter x86_64,$(shell uname -m)),"-DSIGNER_FIELD_ADX") \
	    $(if $(shell grep -m 1 avx512ifma /proc/cpuinfo),"-DSIGNER_FIELD_ADX -DSIGNER_VECTOR"); do \
	    $(CC) $(STRESS_FLAGS) $$field spec/curve/*.c $(BUILD)/kernel/reference.o \
	        $$(pkg-config --cflags --libs libsecp256k1 libsodium) -lpthread -o $(BUILD)/kernel/stress && \
	    $(BUILD)/kernel/stress $(or $(STRESS),20) || exit 1; done

FUZZERS := request_codec frost_decoders registry_bodies store_files

$(FUZZERS:%=$(BUILD)/fuzz/%): $(BUILD)/fuzz/%: spec/fuzz/%.c $(OBJECTS) $(OUT)/obj/gen/lua_sources.o
	$(call SAY,link)$(CC) $(CFLAGS_ALL) -fsanitize=fuzzer $(filter %.c,$^) $(filter %.o,$^) $(LIBS) -o $@

fuzz: all ## fuzz the readers of hostile bytes under sanitizers, with clang (FUZZ_SECONDS=20: for each)
	$(BUILD_WITH) VARIANT=fuzz CC=clang $(FUZZERS:%=$(BUILD)/fuzz/%)
	@scripts/fuzz $(or $(FUZZ_SECONDS),20) $(FUZZERS)

bench: all ## time the main operations, beside the Rust crate where cargo is there
	$(BUILD_WITH) $(BUILD)/bench/core $(BUILD)/bench/store
	$(BUILD_WITH) VARIANT=bench $(BUILD)/bench/calls
	@scripts/bench

$(BUILD)/bench/store: bench/store.c $(BENCH_OBJECTS) \
    $(patsubst %.c,$(BUILD)/obj/%.o,$(foreach d,roast bitcoin custody store registry,$(wildcard src/$(d)/*.c)))
	@mkdir -p $(@D)
	$(call SAY,link)$(CC) $(CFLAGS_ALL) $(filter %.c,$^) $(filter %.o,$^) $(LIBS) -o $@

bench-store: all ## cost of a record and of an opening: FOLDER= (a disk), MOST= (records)
	$(BUILD_WITH) $(BUILD)/bench/store
	@bench/store $(if $(MOST),--most $(MOST)) $(if $(FOLDER),--folder '$(FOLDER)')

install: all ## install into PREFIX (default /usr/local), below DESTDIR
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' scripts/install

uninstall: ## take away what install put there
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' scripts/install --remove

clean: ## remove what was built
	rm -rf $(BUILD)

FORCE:
