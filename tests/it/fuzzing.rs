//! The targets of `cargo xtask fuzz`, with their seeds and some inputs made up of them.

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::path::Path;

/// Made-up inputs of a target.
const CASES: u32 = 256;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let entries = std::fs::read_dir(&folder).expect("a folder of seeds");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let seeds: Vec<_> = paths
        .iter()
        .map(|path| std::fs::read(path).expect("a seed"))
        .collect();
    assert!(seeds.len() >= 5, "{target} has {} seeds", seeds.len());
    seeds
}

/// Each seed as it is, and the same inputs in every run: a seed in which some bytes are others, and more or fewer.
fn fuzzed(target: &str, run: fn(&[u8])) {
    let seeds = seeds(target);
    seeds.iter().for_each(|seed| run(seed));
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let edit = (any::<prop::sample::Index>(), 0..4_u8, any::<u8>());
    let input = (
        prop::sample::select(seeds),
        prop::collection::vec(edit, 1..12),
    );
    let outcome = TestRunner::new_with_rng(config, rng).run(&input, |(mut input, edits)| {
        for (place, what, byte) in edits {
            let at = place.index(input.len() + 1);
            match what {
                0 => input.insert(at, byte),
                1 => input.truncate(at),
                2 if at < input.len() => drop(input.remove(at)),
                _ if at < input.len() => input[at] = byte,
                _ => input.push(byte),
            }
        }
        run(&input);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{target}: {error}"));
}

#[test]
fn a_folder_of_any_bytes_is_understood_or_refused() {
    fuzzed("manifest", targets::manifest::run);
}

#[test]
fn no_special_address_is_public() {
    fuzzed("egress", targets::egress::run);
}

#[test]
fn a_request_is_allowed_by_a_rule_and_no_other_way() {
    use targets::rules::{BETWEEN, rules};
    for seed in seeds("rules") {
        let seed = String::from_utf8(seed).expect("text");
        let (file, _) = seed.split_once(BETWEEN).expect("a file and requests");
        assert!(rules(file).is_some(), "no rules: {file}");
    }
    fuzzed("rules", targets::rules::run);
}

#[test]
fn no_form_of_a_secret_is_left() {
    fuzzed("redaction", targets::redaction::run);
}

#[test]
fn any_bytes_are_admitted_or_refused_and_no_forged_code_is_trusted() {
    fuzzed("admission", targets::admission::run);
}
