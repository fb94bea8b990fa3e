//! The fakes, through the functions an author calls.

use agent_factory_sdk::key_value::{self, Error, Scope, UPDATE_ATTEMPTS_MAX};
use agent_factory_sdk::testing::{Capability, Host, LogLine, TODAY};
use agent_factory_sdk::{ToolError, config, log, memory};

#[test]
fn a_new_host_starts_empty() {
    let host = Host::new();
    host.set_config("unit", "metric");
    host.put(Scope::Agent, "count", b"1");
    log::info("once");
    let host = Host::new();
    assert_eq!(config::get("unit"), None);
    assert_eq!(host.value(Scope::Agent, "count"), None);
    assert!(host.logs().is_empty());
}

#[test]
fn settings_and_credentials_are_those_of_the_test() {
    let host = Host::new();
    host.set_config("unit", "metric");
    host.add_credential("WEATHER_KEY");
    assert_eq!(config::require("unit"), Ok("metric".to_owned()));
    let missing = ToolError::NotConfigured("the setting `city` is missing".to_owned());
    assert_eq!(config::require("city"), Err(missing));
    assert!(config::has_credential("WEATHER_KEY"));
    assert!(!config::has_credential("OTHER_KEY"));
}

#[test]
fn logged_lines_can_be_read_back() {
    let host = Host::new();
    log::debug("looking");
    log::error(format!("lost {}", 3));
    let line = |level, message: &str| LogLine {
        level,
        message: message.to_owned(),
    };
    assert_eq!(
        host.logs(),
        [
            line(log::Level::Debug, "looking"),
            line(log::Level::Error, "lost 3")
        ]
    );
}

#[test]
fn a_write_over_another_version_is_a_conflict() {
    let _host = Host::new();
    let first = key_value::set_if_version(Scope::Agent, "k", b"a", 0).unwrap();
    assert_eq!(
        key_value::set_if_version(Scope::Agent, "k", b"b", 0),
        Err(Error::Conflict(first))
    );
    let second = key_value::set_if_version(Scope::Agent, "k", b"b", first).unwrap();
    assert!(second > first);
}

#[test]
fn a_version_does_not_come_back_after_a_delete() {
    let _host = Host::new();
    let first = key_value::set(Scope::Agent, "k", b"a").unwrap();
    key_value::delete(Scope::Agent, "k").unwrap();
    key_value::delete(Scope::Agent, "k").unwrap();
    assert_eq!(key_value::get(Scope::Agent, "k"), Ok(None));
    assert!(key_value::set(Scope::Agent, "k", b"a").unwrap() > first);
}

#[test]
fn scopes_do_not_meet() {
    let host = Host::new();
    key_value::set(Scope::Agent, "k", b"a").unwrap();
    assert_eq!(host.value(Scope::Conversation, "k"), None);
}

#[test]
fn keys_are_listed_by_prefix_a_page_at_a_time() {
    let host = Host::new();
    for number in 0..101 {
        host.put(Scope::Agent, &format!("n/{number:03}"), b"");
    }
    host.put(Scope::Agent, "other", b"");
    let first = key_value::list_keys(Scope::Agent, "n/", None).unwrap();
    assert_eq!(
        (first.keys.len(), first.cursor.as_deref()),
        (100, Some("n/099"))
    );
    let last = key_value::list_keys(Scope::Agent, "n/", first.cursor.as_deref()).unwrap();
    assert_eq!((last.keys, last.cursor), (vec!["n/100".to_owned()], None));
}

fn add_one() -> Result<u32, ToolError> {
    key_value::update(Scope::Agent, "count", |count: &mut u32| {
        *count += 1;
        Ok(*count)
    })
}

#[test]
fn an_update_loses_no_concurrent_change() {
    let host = Host::new();
    assert_eq!(add_one(), Ok(1));
    host.before_next_set(|_| assert_eq!(add_one(), Ok(2)));
    assert_eq!(add_one(), Ok(3));
    assert_eq!(key_value::load::<u32>(Scope::Agent, "count"), Ok(3));
}

/// Others write just before each of the first `times` attempts.
fn contended(times: u32) -> Result<u32, ToolError> {
    let host = Host::new();
    for value in 1..=times {
        let value = (value * 100).to_string();
        host.before_next_set(move |host| {
            host.put(Scope::Agent, "count", value.as_bytes());
        });
    }
    add_one()
}

#[test]
fn an_update_gives_up_after_its_last_attempt() {
    assert_eq!(contended(UPDATE_ATTEMPTS_MAX - 1), Ok(1501));
    assert!(matches!(
        contended(UPDATE_ATTEMPTS_MAX),
        Err(ToolError::RetryAfter(_))
    ));
}

#[test]
fn an_update_that_changes_nothing_writes_nothing() {
    let host = Host::new();
    host.put(Scope::Agent, "count", b"7");
    host.before_next_set(|_| panic!("it was written"));
    let seen = key_value::update(Scope::Agent, "count", |count: &mut u32| Ok(*count));
    assert_eq!(seen, Ok(7));
}

#[test]
fn a_stored_value_of_another_shape_is_an_error_and_stays() {
    let host = Host::new();
    host.put(Scope::Agent, "count", b"many");
    let error = add_one().unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot read what is stored as `count`"),
        "{error}"
    );
    assert_eq!(host.value(Scope::Agent, "count"), Some(b"many".to_vec()));
}

#[test]
fn memory_is_appended_searched_and_read() {
    let host = Host::new();
    host.set_document("MEMORY.md", "Sam likes tea.\nSam lives in Leeds.\n");
    memory::append("Sam bought green tea.").unwrap();
    assert_eq!(
        host.document(TODAY).as_deref(),
        Some("Sam bought green tea.\n")
    );
    let hits = memory::search("green tea", 1).unwrap();
    assert_eq!(hits.len(), 1);
    assert_eq!((hits[0].path.as_str(), hits[0].line), (TODAY, 1));
    assert_eq!(
        memory::read("MEMORY.md", 2, 1),
        Ok("Sam lives in Leeds.".to_owned())
    );
    assert_eq!(
        memory::read("memory/none.md", 1, 1),
        Err(memory::Error::NotFound)
    );
}

#[test]
fn what_is_denied_is_access_denied_everywhere() {
    let host = Host::new();
    host.deny(Capability::KeyValue);
    host.deny(Capability::Memory);
    assert_eq!(
        key_value::set(Scope::Agent, "k", b""),
        Err(Error::AccessDenied)
    );
    assert_eq!(
        key_value::delete(Scope::Agent, "k"),
        Err(Error::AccessDenied)
    );
    assert_eq!(
        key_value::list_keys(Scope::Agent, "", None),
        Err(Error::AccessDenied)
    );
    assert_eq!(memory::append("x"), Err(memory::Error::AccessDenied));
    assert_eq!(
        memory::read("MEMORY.md", 1, 1),
        Err(memory::Error::AccessDenied)
    );
    assert!(matches!(add_one(), Err(ToolError::NotConfigured(_))));
}
