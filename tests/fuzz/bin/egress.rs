//! `targets/egress.rs` under libFuzzer.
#![no_main]

#[path = "../targets/egress.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
