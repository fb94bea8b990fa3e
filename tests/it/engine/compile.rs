//! What is compiled, and why the rest is not.

use super::fixture::{component_bytes, hostile_engine, hostile_skill};
use agent_factory::config::Limits;
use agent_factory::engine::{CompileError, ComponentKind, compile_component};

fn refused(kind: ComponentKind, text: &str) -> String {
    let bytes = wat::parse_str(text).unwrap();
    compile_component(kind, &bytes, &Limits::default())
        .unwrap_err()
        .to_string()
}

#[test]
fn a_skill_is_described_without_any_capability() {
    let tools = &hostile_skill().tools;
    assert_eq!(tools.len(), 28);
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
    let error = compile_component(ComponentKind::Skill, b"#!/bin/sh", &limits).unwrap_err();
    assert!(matches!(error, CompileError::NotAComponent(_)), "{error}");
    let error = compile_component(ComponentKind::Skill, b"", &limits).unwrap_err();
    assert!(matches!(error, CompileError::NotAComponent(_)), "{error}");
    let text = refused(ComponentKind::Skill, "(module)");
    assert!(
        text.starts_with("this is a core WebAssembly module, not a component"),
        "{text}"
    );
    let mut broken = component_bytes("hostile-skill");
    broken.truncate(10_000);
    let error = compile_component(ComponentKind::Skill, &broken, &limits).unwrap_err();
    assert!(matches!(error, CompileError::NotAComponent(_)), "{error}");
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
    assert!(
        text.starts_with("the component does not fit the skill world"),
        "{text}"
    );
    assert!(text.contains("agent-factory:guest/config@0.7.0"), "{text}");
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
