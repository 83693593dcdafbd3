//! Stands in for the `cmake` crate, so that building Podium takes Rust and a C compiler and nothing else.
//!
//! The only crate in our tree that asks for `cmake` is `opusic-sys`, which carries the sources of libopus. libopus lists those sources in
//! `*_sources.mk` files; this crate reads the lists and hands them to the `cc` crate. It knows libopus and nothing else: any other project,
//! and any option that would need sources it does not compile, is a loud panic at build time instead of a wrong library.
//!
//! The interface is the part of `cmake::Config` that `opusic-sys` calls. What it builds: the floating-point codec, always at `-O3` (an
//! unoptimised codec is of no use even in a debug build), with the SSE and SSE2 kernels on x86-64, where every processor has them, and
//! plain C elsewhere. There is no run-time detection of processor features.

use std::collections::HashMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// How to build one C project: the options set so far.
pub struct Config {
    source: PathBuf,
    defines: HashMap<String, String>,
}

impl Config {
    /// Starts from the folder that holds the C project.
    pub fn new<P: AsRef<Path>>(source: P) -> Self {
        let manifest =
            PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR for build scripts"));
        Self { source: manifest.join(source), defines: HashMap::new() }
    }

    /// Sets an option, as `-Dkey=value` would.
    pub fn define<K: AsRef<OsStr>, V: AsRef<OsStr>>(&mut self, key: K, value: V) -> &mut Self {
        let text = |s: &OsStr| s.to_string_lossy().into_owned();
        self.defines.insert(text(key.as_ref()), text(value.as_ref()));
        self
    }

    /// Accepted and ignored: `cc` reads `CFLAGS` and its kin itself.
    pub fn env<K: AsRef<OsStr>, V: AsRef<OsStr>>(&mut self, _key: K, _value: V) -> &mut Self {
        self
    }

    /// Accepted and ignored: the only arguments that come this way repeat `CFLAGS`.
    pub fn configure_arg<A: AsRef<OsStr>>(&mut self, _argument: A) -> &mut Self {
        self
    }

    /// Accepted and ignored: there is no generator.
    pub fn generator<T: AsRef<OsStr>>(&mut self, _generator: T) -> &mut Self {
        self
    }

    /// Compiles the library into `lib/libopus.a` of the folder it returns.
    pub fn build(&mut self) -> PathBuf {
        assert!(
            self.source.join("opus_sources.mk").is_file(),
            "this stand-in for cmake builds libopus only; {} is something else",
            self.source.display()
        );
        for needs_more in ["OPUS_DRED", "OPUS_OSCE", "OPUS_FIXED_POINT"] {
            assert!(!self.is_on(needs_more), "this stand-in for cmake does not compile the sources of {needs_more}");
        }
        let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
        let sse2 =
            env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("x86_64") && !self.is_on("OPUS_DISABLE_INTRINSICS");

        let mut build = cc::Build::new();
        build
            .out_dir(out.join("lib"))
            .cargo_metadata(false)
            .opt_level(3)
            .debug(false)
            .warnings(false)
            .extra_warnings(false);
        build.files(self.sources(sse2));
        build.includes(["", "include", "celt", "silk", "silk/float"].map(|folder| self.source.join(folder)));
        for (name, value) in self.definitions(sse2) {
            build.define(name, value);
        }
        // What `opus_get_version_string` answers; the file reads `PACKAGE_VERSION="1.6.1"`.
        let version = fs::read_to_string(self.source.join("package_version")).unwrap_or_default();
        let version = version.split('"').nth(1).unwrap_or("unknown");
        build.define("PACKAGE_VERSION", format!("\"{version}\"").as_str());
        self.hardening(&mut build);
        build.compile("opus");
        out
    }

    /// Every file to compile, from libopus's own lists.
    fn sources(&self, sse2: bool) -> Vec<PathBuf> {
        let mut lists = vec![
            ("opus_sources.mk", "OPUS_SOURCES"),
            ("opus_sources.mk", "OPUS_SOURCES_FLOAT"),
            ("celt_sources.mk", "CELT_SOURCES"),
            ("silk_sources.mk", "SILK_SOURCES"),
            ("silk_sources.mk", "SILK_SOURCES_FLOAT"),
        ];
        if sse2 {
            lists.extend([("celt_sources.mk", "CELT_SOURCES_SSE"), ("celt_sources.mk", "CELT_SOURCES_SSE2")]);
        }
        lists
            .into_iter()
            .flat_map(|(file, list)| {
                let text = fs::read_to_string(self.source.join(file))
                    .unwrap_or_else(|error| panic!("{file} is not readable: {error}"));
                let files: Vec<_> = list_in(&text, list).map(|name| self.source.join(name)).collect();
                assert!(!files.is_empty(), "{file} has no list {list}");
                files
            })
            .collect()
    }

    /// What libopus's `config.h` would say.
    fn definitions(&self, sse2: bool) -> Vec<(&'static str, Option<&'static str>)> {
        let mut definitions = vec![
            ("OPUS_BUILD", None),
            ("DISABLE_DEBUG_FLOAT", None),
            ("HAVE_LRINT", Some("1")),
            ("HAVE_LRINTF", Some("1")),
        ];
        // MSVC has no variable-length arrays.
        let msvc = env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("msvc");
        definitions.push((if msvc { "USE_ALLOCA" } else { "VAR_ARRAYS" }, None));
        if self.is_on("OPUS_HARDENING") {
            definitions.push(("ENABLE_HARDENING", None));
        }
        if sse2 {
            definitions.extend(
                ["OPUS_X86_MAY_HAVE_SSE", "OPUS_X86_PRESUME_SSE", "OPUS_X86_MAY_HAVE_SSE2", "OPUS_X86_PRESUME_SSE2"]
                    .map(|name| (name, None)),
            );
        }
        definitions
    }

    /// The compiler's own protections, where it has them.
    fn hardening(&self, build: &mut cc::Build) {
        if self.is_on("OPUS_STACK_PROTECTOR") {
            build.flag_if_supported("-fstack-protector-strong");
        }
        if self.is_on("OPUS_FORTIFY_SOURCE") && !build.get_compiler().is_like_msvc() {
            // Some compilers come with a level of their own; naming it twice is a warning.
            build.flag("-U_FORTIFY_SOURCE").flag("-D_FORTIFY_SOURCE=2");
        }
    }

    fn is_on(&self, option: &str) -> bool {
        self.defines.get(option).is_some_and(|value| value == "ON")
    }
}

/// The entries of one `NAME = a \ b \ c` assignment of a makefile.
fn list_in<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let mut continued = false;
    let mut entries = Vec::new();
    for line in text.lines() {
        let assigned = line.split_once('=').filter(|(left, _)| !continued && left.trim() == name);
        let Some(part) = assigned.map(|(_, right)| right).or_else(|| continued.then_some(line)) else {
            continue;
        };
        let part = part.trim_end();
        continued = part.ends_with('\\');
        entries.extend(part.trim_end_matches('\\').split_whitespace());
    }
    entries.into_iter()
}
