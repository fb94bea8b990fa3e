//! What is compiled, and why the rest is not.

use super::fixture::{component_bytes, hostile_engine, hostile_skill};
use agent_factory::config::Limits;
use agent_factory::engine::{CompileError, ComponentKind, compile_component, inspect_component};

fn refused(kind: ComponentKind, text: &str) -> String {
    let bytes = wat::parse_str(text).unwrap();
    compile_component(kind, &bytes, &Limits::default())
        .unwrap_err()
        .to_string()
}

#[test]
fn a_skill_is_described_without_any_capability() {
    let tools = &hostile_skill().tools;
    assert_eq!(tools.len(), 34);
    assert_eq!(tools[0].name.as_str(), "echo");
    assert!(
        tools.iter().all(|tool| tool.title.is_none()),
        "nothing was granted"
    );
    assert!(hostile_engine().tools.is_empty());
}

#[test]
fn what_is_no_component_is_told_apart() {
    let limits = Limits::default();
    let refused = |bytes: &[u8]| {
        compile_component(ComponentKind::Skill, bytes, &limits)
            .unwrap_err()
            .to_string()
    };
    let module = wat::parse_str("(module)").unwrap();
    let compiled = &hostile_skill().artifact.bytes;
    let whole = component_bytes("hostile-skill");
    let archive = b"PK\x03\x04\x14\0\0\0";
    let older = b"\0asm\x0a\0\x01\0";
    for (bytes, begins, brings) in [
        (&b""[..], "the file is empty", "a WebAssembly component"),
        (
            b"\0as",
            "the component is cut off after 3 bytes",
            "the whole file",
        ),
        (
            &whole[..10_000],
            "the component is cut off after 10000 bytes",
            "the whole file",
        ),
        (
            &module[..],
            "this is a core WebAssembly module, not a component",
            "wasm32-wasip2",
        ),
        (
            &compiled[..],
            "this is compiled code (.cwasm, or a native program)",
            "it was made of",
        ),
        (
            b"  (component (import \"a\" (func)))",
            "this is WebAssembly as text",
            "wasm-tools parse",
        ),
        (
            b"#!/bin/sh\nexit 0",
            "this is a text (\"#!/bin/sh\")",
            "your language's tools",
        ),
        (
            "print('h\u{e9}llo')".as_bytes(),
            "this is a text (\"print('h\u{e9}llo')\")",
            "tools",
        ),
        (
            &archive[..],
            "this is not a WebAssembly component",
            "it does not begin like one",
        ),
        (&older[..], "this is not a WebAssembly component", ""),
    ] {
        let text = refused(bytes);
        assert!(text.starts_with(begins) && text.contains(brings), "{text}");
    }
}

#[test]
fn bytes_inside_of_a_component_that_are_none_are_an_error_and_no_more() {
    let whole = component_bytes("hostile-skill");
    for at in (8..whole.len()).step_by(997) {
        let mut broken = whole.clone();
        broken[at] ^= 0x55;
        // Whatever comes of it: a refusal in words, or a component that still is one.
        if let Err(error) = inspect_component(ComponentKind::Skill, &broken) {
            assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn a_component_of_both_worlds_is_refused() {
    let text = refused(
        ComponentKind::Engine,
        r#"(component (instance $i)
            (export "agent-factory:guest/toolbox@0.1.0" (instance $i))
            (export "agent-factory:guest/adapter@0.1.0" (instance $i)))"#,
    );
    assert!(text.contains("exports both toolbox and adapter"), "{text}");
}

#[test]
fn a_missing_export_is_named_with_what_there_is() {
    let text = refused(ComponentKind::Skill, "(component)");
    assert_eq!(
        text,
        "the component lacks the export agent-factory:guest/toolbox@0.1.0; it exports nothing"
    );
    let limits = Limits::default();
    let engine = component_bytes("hostile-engine");
    let error = compile_component(ComponentKind::Skill, &engine, &limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the component lacks the export agent-factory:guest/toolbox@0.1.0; \
         it exports agent-factory:guest/adapter@0.1.0"
    );
}

#[test]
fn an_export_of_another_shape_is_refused() {
    let text = refused(
        ComponentKind::Skill,
        r#"(component (instance $i) (export "agent-factory:guest/toolbox@0.1.0" (instance $i)))"#,
    );
    assert!(
        text.starts_with("the component does not fit the skill world"),
        "{text}"
    );
}

#[test]
fn the_linker_says_which_version_fits() {
    let text = refused(
        ComponentKind::Skill,
        r#"(component (instance $i) (export "agent-factory:guest/toolbox@0.7.0" (instance $i)))"#,
    );
    assert!(
        text.starts_with("the component does not fit the skill world"),
        "{text}"
    );
    let text = refused(
        ComponentKind::Skill,
        r#"(component
            (import "agent-factory:guest/config@0.7.0" (instance (export "get" (func))))
            (instance $i)
            (export "agent-factory:guest/toolbox@0.1.0" (instance $i)))"#,
    );
    assert_eq!(
        text,
        "the component imports agent-factory:guest/config@0.7.0, and this host offers version 0.1.0 of it: build it \
         against that"
    );
    // A later version of the same track fits as far as its functions do, and the linker names the one that is missing.
    let text = refused(
        ComponentKind::Skill,
        r#"(component
            (import "agent-factory:guest/config@0.1.9" (instance (export "get-many" (func))))
            (instance $i)
            (export "agent-factory:guest/toolbox@0.1.0" (instance $i)))"#,
    );
    assert!(text.contains("agent-factory:guest/config@0.1.9"), "{text}");
    assert!(text.contains("get-many"), "{text}");
    let text = refused(
        ComponentKind::Skill,
        r#"(component
            (import "wasi:clocks/wall-clock@0.3.0" (instance (export "now" (func))))
            (instance $i)
            (export "agent-factory:guest/toolbox@0.1.0" (instance $i)))"#,
    );
    assert!(
        text.starts_with(
            "the component imports wasi:clocks/wall-clock@0.3.0, and this host offers version 0.2.0"
        ),
        "{text}"
    );
    let other = "agent-factory:guests/toolbox@0.1.0";
    let text = refused(
        ComponentKind::Skill,
        &format!(r#"(component (instance $i) (export "{other}" (instance $i)))"#),
    );
    assert!(text.contains("lacks the export"), "another package: {text}");
}

#[test]
fn an_unknown_import_is_named_with_what_may_be_imported() {
    let with_import = |import: &str| {
        format!(
            r#"(component
                (import "{import}" (instance))
                (instance $i)
                (export "agent-factory:guest/toolbox@0.1.0" (instance $i)))"#
        )
    };
    let text = refused(
        ComponentKind::Skill,
        &with_import("wasi:keyvalue/store@0.2.0"),
    );
    assert!(
        text.starts_with(
            "the component imports wasi:keyvalue/store@0.2.0, which a skill cannot have"
        ),
        "{text}"
    );
    assert!(
        text.contains("key-value, memory of agent-factory:guest@0.1.0, and wasi:cli"),
        "{text}"
    );
    let text = refused(
        ComponentKind::Skill,
        &with_import("agent-factory:guest/model@0.1.0"),
    );
    assert!(text.contains("which a skill cannot have"), "{text}");
}

#[test]
fn a_component_is_accepted_at_its_largest_and_refused_one_byte_beyond() {
    let bytes = component_bytes("hostile-engine");
    let size = bytes.len() as u64;
    let limits = |component_bytes| Limits {
        component_bytes,
        ..Limits::default()
    };
    assert!(compile_component(ComponentKind::Engine, &bytes, &limits(size)).is_ok());
    let error = compile_component(ComponentKind::Engine, &bytes, &limits(size - 1)).unwrap_err();
    let limit = size - 1;
    assert_eq!(error, CompileError::TooLarge { size, limit });
}

#[test]
fn a_component_that_cannot_be_instantiated_within_the_limits_is_refused_at_upload() {
    let toolbox = r#"(instance $i) (export "agent-factory:guest/toolbox@0.1.0" (instance $i))"#;
    let memory = format!(
        "(component (core module $m (memory 1025)) (core instance (instantiate $m)) {toolbox})"
    );
    let text = refused(ComponentKind::Skill, &memory);
    assert!(
        text.contains("67174400 bytes of memory, more than 67108864 (memory_bytes)"),
        "{text}"
    );
    let table = format!(
        "(component (core module $m (table 20001 funcref)) (core instance (instantiate $m)) {toolbox})"
    );
    let text = refused(ComponentKind::Skill, &table);
    assert!(
        text.contains("20001 table elements, more than 20000 (table_elements)"),
        "{text}"
    );
    let memories = format!(
        "(component (core module $m (memory 1)) {} {toolbox})",
        "(core instance (instantiate $m))".repeat(3)
    );
    let text = refused(ComponentKind::Skill, &memories);
    assert!(text.contains("it has 3 memories, more than 2"), "{text}");
    let fits = format!(
        "(component (core module $m (memory 1024) (table 20000 funcref)) (core instance (instantiate $m)) {toolbox})"
    );
    let text = refused(ComponentKind::Skill, &fits);
    assert!(
        text.starts_with("the component does not fit the skill world"),
        "{text}"
    );
}
