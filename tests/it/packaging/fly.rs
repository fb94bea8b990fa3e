//! `fly.toml` says only what the program understands.

use super::text;
use agent_factory::config::Config;
use std::time::Duration;
use toml::{Table, Value};

fn app() -> Table {
    text("fly.toml").parse().expect("TOML")
}

fn at<'t>(table: &'t Table, path: &str) -> &'t Value {
    let mut names = path.split('.');
    let first = names.next().and_then(|name| table.get(name));
    names
        .fold(first, |value, name| value.and_then(|value| value.get(name)))
        .unwrap_or_else(|| panic!("fly.toml has no {path}"))
}

/// The environment of its machines, with the secrets that the file names.
fn config(app: &Table) -> Config {
    let environment = at(app, "env").as_table().expect("a table");
    let plain = environment
        .iter()
        .map(|(key, value)| (key.clone(), value.as_str().expect("a text").to_owned()));
    let secrets = [
        ("AGENT_FACTORY_MASTER_KEY", "0".repeat(63) + "1"),
        (
            "AGENT_FACTORY_DATABASE__URL",
            "postgres://user:word@host/name".to_owned(),
        ),
    ];
    let secrets = secrets.map(|(key, value)| (key.to_owned(), value));
    Config::load(None, plain.chain(secrets)).expect("a configuration")
}

#[test]
fn its_environment_is_a_configuration_and_its_port_the_one_that_is_served() {
    let app = app();
    let config = config(&app);
    let port = at(&app, "http_service.internal_port").as_integer();
    assert_eq!(port, Some(i64::from(config.server.listen.port())));
    assert!(
        config.server.listen.ip().is_unspecified(),
        "a machine is reached from outside of it"
    );
}

#[test]
fn a_machine_is_killed_only_after_the_time_it_has_to_stop() {
    let app = app();
    let config = config(&app);
    let timeout = at(&app, "kill_timeout").as_str().expect("a text");
    let seconds = timeout.strip_suffix('s').expect("seconds");
    let timeout = Duration::from_secs(seconds.parse().expect("a number"));
    assert!(timeout > Duration::from_millis(config.server.shutdown_grace_ms));
}

#[test]
fn each_secret_it_names_is_one_the_program_reads() {
    let file = text("fly.toml");
    let help = text("README.md");
    for secret in [
        "AGENT_FACTORY_MASTER_KEY",
        "AGENT_FACTORY_DATABASE__URL",
        "AGENT_FACTORY_OPERATOR_TOKEN",
    ] {
        assert!(file.contains(secret), "fly.toml does not name {secret}");
        assert!(help.contains(secret), "the README does not name {secret}");
    }
}
