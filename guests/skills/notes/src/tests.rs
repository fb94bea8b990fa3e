use super::*;
use crate::book::{NOTE_CHARACTERS_MAX, NOTES_MAX};
use agent_factory_sdk::testing::{Capability, Host};
use serde_json::json;

fn add_note(host: &Host, text: &str) -> Result<String, ToolError> {
    let output = host.call(SKILL, "add", json!({ "text": text }))?;
    Ok(output.to_text())
}

fn listed(host: &Host) -> String {
    host.call(SKILL, "list", json!({})).unwrap().to_text()
}

#[test]
fn notes_are_kept_in_order_under_numbers() {
    let host = Host::new();
    assert_eq!(listed(&host), "There are no notes.");
    assert_eq!(
        add_note(&host, " buy milk "),
        Ok("Noted as number 1: buy milk".to_owned())
    );
    add_note(&host, "call Sam").unwrap();
    assert_eq!(listed(&host), "1. buy milk\n2. call Sam");
}

#[test]
fn the_list_is_json_for_programs() {
    let host = Host::new();
    add_note(&host, "buy milk").unwrap();
    let output = host.call(SKILL, "list", json!({})).unwrap();
    let expected = r#"{"notes":[{"number":1,"text":"buy milk"}]}"#;
    assert_eq!(output.structured.as_deref(), Some(expected));
}

#[test]
fn the_number_of_a_removed_note_never_comes_back() {
    let host = Host::new();
    add_note(&host, "buy milk").unwrap();
    let removed = host.call(SKILL, "remove", json!({ "number": 1 })).unwrap();
    assert_eq!(removed.to_text(), "Removed number 1: buy milk");
    add_note(&host, "call Sam").unwrap();
    assert_eq!(listed(&host), "2. call Sam");
}

#[test]
fn removing_what_is_not_there_is_the_caller_s_mistake() {
    let answer = Host::new().call(SKILL, "remove", json!({ "number": 7 }));
    let expected = ToolError::invalid_arguments("there is no note number 7: list them first");
    assert_eq!(answer, Err(expected));
}

#[test]
fn two_conversations_that_add_at_once_both_keep_their_note() {
    let host = Host::new();
    add_note(&host, "first").unwrap();
    host.before_next_set(|host| {
        add_note(host, "from elsewhere").unwrap();
    });
    assert_eq!(
        add_note(&host, "from here"),
        Ok("Noted as number 3: from here".to_owned())
    );
    assert_eq!(listed(&host), "1. first\n2. from elsewhere\n3. from here");
}

#[test]
fn a_call_that_is_made_again_adds_nothing_more() {
    let host = Host::new();
    let context = Context::new("the-same-key".to_owned());
    let arguments = r#"{"text":"buy milk"}"#;
    let first = SKILL.call(&context, "add", arguments);
    assert_eq!(SKILL.call(&context, "add", arguments), first);
    assert_eq!(listed(&host), "1. buy milk");
}

#[test]
fn a_note_has_a_longest_length() {
    let host = Host::new();
    assert!(add_note(&host, &"x".repeat(NOTE_CHARACTERS_MAX)).is_ok());
    let too_long = add_note(&host, &"x".repeat(NOTE_CHARACTERS_MAX + 1)).unwrap_err();
    assert!(
        too_long
            .to_string()
            .contains("251 characters, and at most 250"),
        "{too_long}"
    );
    assert_eq!(
        add_note(&host, "  "),
        Err(ToolError::invalid_arguments("the note is empty"))
    );
}

#[test]
fn there_is_a_most_of_notes() {
    let host = Host::new();
    for number in 1..=NOTES_MAX {
        let longest = "\u{e9}".repeat(NOTE_CHARACTERS_MAX);
        assert!(add_note(&host, &longest).is_ok(), "{number}");
    }
    let stored = host.value(Scope::Agent, KEY).unwrap();
    assert!(stored.len() < 60_000, "{} bytes", stored.len());
    assert!(matches!(
        add_note(&host, "one too many"),
        Err(ToolError::Refused(_))
    ));
    host.call(SKILL, "remove", json!({ "number": 1 })).unwrap();
    assert_eq!(
        add_note(&host, "fits again"),
        Ok("Noted as number 101: fits again".to_owned())
    );
}

#[test]
fn without_the_grant_the_person_is_told_what_is_missing() {
    let host = Host::new();
    host.deny(Capability::KeyValue);
    let Err(ToolError::NotConfigured(text)) = add_note(&host, "buy milk") else {
        panic!("a note was kept without the grant");
    };
    assert!(text.contains("config/capabilities.toml"), "{text}");
}

#[test]
fn the_hints_say_which_tool_needs_care() {
    let hints = |name: &str| SKILL.tool(name).unwrap().hints;
    assert!(hints("list").read_only);
    assert!(hints("remove").destructive);
    assert!(!hints("add").destructive && !hints("add").read_only);
}
