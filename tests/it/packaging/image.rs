//! The Dockerfile builds what is in this workspace, and its last stage has what the program needs and no more.

use super::{root, text};
use agent_factory_tests::built;
use std::process::Command;

/// The instructions, continued lines joined, comments left out.
fn instructions() -> Vec<String> {
    let file = text("Dockerfile");
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    joined
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect()
}

fn last_stage() -> Vec<String> {
    let all = instructions();
    let from = all
        .iter()
        .rposition(|line| line.starts_with("FROM "))
        .expect("a stage");
    all[from..].to_vec()
}

#[test]
fn it_builds_with_the_toolchain_of_the_repository() {
    let toolchain: toml::Table = text("rust-toolchain.toml").parse().expect("TOML");
    let channel = toolchain["toolchain"]["channel"].as_str().expect("a text");
    let first = &instructions()[0];
    assert!(
        first.starts_with(&format!("FROM rust:{channel}-")),
        "{first} is not {channel}"
    );
}

#[test]
fn every_package_it_builds_is_there() {
    let workspace: toml::Table = text("Cargo.toml").parse().expect("TOML");
    let members = workspace["workspace"]["members"]
        .as_array()
        .expect("a list");
    let names: Vec<String> = members
        .iter()
        .map(|member| {
            let manifest = text(&format!("{}/Cargo.toml", member.as_str().expect("a text")));
            let manifest: toml::Table = manifest.parse().expect("TOML");
            manifest["package"]["name"]
                .as_str()
                .expect("a text")
                .to_owned()
        })
        .collect();
    let build = instructions().join("\n");
    let built: Vec<&str> = build
        .split("--package ")
        .skip(1)
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    assert!(built.contains(&"agent-factory"), "{built:?}");
    for package in built {
        assert!(names.iter().any(|name| name == package), "no {package}");
    }
}

#[test]
fn the_program_is_nobody_special_and_speaks_for_both_roles() {
    let stage = last_stage();
    let has = |line: &str| stage.iter().any(|other| other == line);
    assert!(has("USER 65532:65532"), "{stage:?}");
    assert!(
        has("ENTRYPOINT [\"/usr/local/bin/agent-factory\"]"),
        "{stage:?}"
    );
    assert!(has("CMD [\"serve\"]"), "{stage:?}");
    assert!(
        !stage.iter().any(|line| line.starts_with("RUN")),
        "{stage:?}"
    );
}

#[test]
fn the_program_needs_no_library_that_the_last_stage_does_not_have() {
    // What `distroless/cc` has beside the loader.
    const THERE: [&str; 7] = [
        "linux-vdso.so.1",
        "libgcc_s.so.1",
        "libm.so.6",
        "libc.so.6",
        "libdl.so.2",
        "libpthread.so.0",
        "librt.so.1",
    ];
    let output = Command::new("ldd")
        .arg(built::program())
        .output()
        .expect("ldd, which comes with libc");
    let needed = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{needed}");
    for line in needed.lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        assert!(
            THERE.contains(&name) || name.contains("ld-linux"),
            "it needs {name}"
        );
    }
}

#[test]
fn what_is_built_or_secret_here_is_not_sent_to_the_builder() {
    let ignored = text(".dockerignore");
    for name in [".git", "**/target", ".agent-factory", "**/node_modules"] {
        assert!(ignored.lines().any(|line| line == name), "{name}");
    }
    assert!(root("Cargo.lock").is_file(), "`--locked` needs it");
}
