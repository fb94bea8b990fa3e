//! Loading, with an environment of the test's own.

mod quantities;

use super::*;
use std::io::Write as _;

/// Loads a file with this text and these variables.
fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut file = tempfile::Builder::new()
        .suffix("factory.toml")
        .tempfile()
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Config::load(Some(file.path()), owned(environment))
}

fn owned(environment: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
}

fn refusal(text: &str, environment: &[(&str, &str)]) -> String {
    load(text, environment).unwrap_err().to_string()
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let text = "[queue]\nclaim_batch_size = 7\nmax_attempts = 8\n";
    let config = load(text, &[("AGENT_FACTORY_QUEUE__MAX_ATTEMPTS", "9")]).unwrap();
    let queue = config.queue;
    assert_eq!(
        (
            queue.claim_batch_size,
            queue.max_attempts,
            queue.sweep_batch
        ),
        (7, 9, 500)
    );
}

#[test]
fn a_variable_names_the_file_unless_the_command_does() {
    let mut named = tempfile::NamedTempFile::new().unwrap();
    named.write_all(b"queue.max_attempts = 3").unwrap();
    let variables = [(FILE_VARIABLE, named.path().to_str().unwrap())];
    let config = Config::load(None, owned(&variables)).unwrap();
    assert_eq!(config.queue.max_attempts, 3);
    let config = load("queue.max_attempts = 4", &variables).unwrap();
    assert_eq!(config.queue.max_attempts, 4);
    assert!(Config::load(None, owned(&[(FILE_VARIABLE, "")])).is_ok());
}

#[test]
fn all_problems_are_told_at_once_each_with_key_value_range_and_place() {
    let told = refusal(
        "[queue]\nclaim_batch_size = 0\nsize = 1\n[retry]\nfactor = \"fast\"\n",
        &[
            ("AGENT_FACTORY_SERVER__LISTEN", "everywhere"),
            ("AGENT_FACTORY_LEASE__LEASE_MS", "1"),
        ],
    );
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 6, "{told}");
    for words in [
        "queue.claim_batch_size is 0 (in ",
        "but must be 1 to 512 conversations; change claim_batch_size under [queue] in ",
        "or set AGENT_FACTORY_QUEUE__CLAIM_BATCH_SIZE",
        "retry.factor is \"fast\" (in ",
        "lease.lease_ms is 1 (in AGENT_FACTORY_LEASE__LEASE_MS), but must be 300 to 3600000 milliseconds; change or unset AGENT_FACTORY_LEASE__LEASE_MS",
        "unknown key queue.size in ",
        "server.listen (in AGENT_FACTORY_SERVER__LISTEN) is refused: invalid socket address syntax",
        "factory.toml",
    ] {
        assert!(told.contains(words), "{words:?} is missing in {told}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    let hints = [
        (
            "[queue]\nclaim_batch_sise = 1",
            "queue.claim_batch_sise",
            "did you mean queue.claim_batch_size?",
        ),
        (
            "[outboxx]\nlease_ms = 1",
            "outboxx.lease_ms",
            "did you mean outbox.lease_ms?",
        ),
        (
            "[telegram]\nclaim_batch_size = 1",
            "telegram.claim_batch_size",
            "did you mean queue.claim_batch_size?",
        ),
        (
            "[lease]\nmax_attempts = 1",
            "lease.max_attempts",
            "did you mean queue.max_attempts?",
        ),
        (
            "queue = 1",
            "queue",
            "it is a section: write [queue] above its keys",
        ),
        ("[queue.max_attempts]\nx = 1", "queue.max_attempts.x", ""),
        (
            "[nothing_like_it]",
            "nothing_like_it",
            "`config show` lists the known ones",
        ),
        (
            "[secrets]\nmaster_key = \"5ec12e7\"",
            "secrets.master_key",
            "comes from AGENT_FACTORY_MASTER_KEY",
        ),
        ("\"a[0]\" = 1", "a", ""),
        ("\"queue[-1]\" = 1", "queue", ""),
    ];
    for (text, key, hint) in hints {
        let told = refusal(text, &[]);
        assert!(told.contains(&format!("unknown key {key}")), "{told}");
        assert!(told.contains(hint), "{told}");
        assert!(!told.contains("5ec12e7"), "{told}");
    }
}

#[test]
fn an_unknown_variable_is_refused_with_the_one_that_was_meant() {
    for written in [
        "AGENT_FACTORY_QUEUE_MAX_ATTEMPTS",
        "AGENT_FACTORY_QUEUE__MAX_ATTEMTPS",
        "AGENT_FACTORY_QUEUE__MAX__ATTEMPTS",
    ] {
        let told = refusal("", &[(written, "5ec12e7")]);
        assert!(
            told.contains(&format!("unknown variable {written}")),
            "{told}"
        );
        assert!(
            told.contains("did you mean AGENT_FACTORY_QUEUE__MAX_ATTEMPTS?"),
            "{told}"
        );
        assert!(!told.contains("5ec12e7"), "{told}");
    }
}

#[test]
fn variables_of_other_programs_and_commands_are_left_alone() {
    let others = [
        ("PATH", "/bin"),
        ("AGENT_FACTORY_TOKEN", "x"),
        ("QUEUE__POLL_MS", "x"),
    ];
    assert!(load("", &others).is_ok());
}

#[test]
fn a_number_in_the_file_is_a_number_and_nothing_that_looks_like_one() {
    for value in ["\"7\"", "true", "2.5", "[7]", "2026-11-22"] {
        let told = refusal(&format!("queue.max_attempts = {value}"), &[]);
        assert!(told.contains("queue.max_attempts is "), "{told}");
    }
    for value in ["", " 7", "7.0", "0x7", "many", "NaN"] {
        let told = refusal("", &[("AGENT_FACTORY_QUEUE__MAX_ATTEMPTS", value)]);
        assert!(told.contains("queue.max_attempts is "), "{told}");
    }
    assert!(refusal("retry.factor = nan", &[]).contains("retry.factor is \"NaN\""));
    assert!(refusal("retry.factor = inf", &[]).contains("retry.factor is \"inf\""));
}

#[test]
fn a_text_may_look_like_a_number() {
    let config = load("", &[("AGENT_FACTORY_PROVIDER__APP", "007")]).unwrap();
    assert_eq!(config.provider.app.as_deref(), Some("007"));
}

#[test]
fn an_address_that_is_refused_is_not_repeated() {
    for (key, value) in [
        ("database.url", "mysql://me:5ec12e7@host/db"),
        ("database.url", "postgres://me:5ec12e7@host"),
        ("database.url", "postgres://me@host/db?password=5ec12e7"),
        ("database.url", "postgres://me:5ec12e7@host/db#part"),
        ("database.url", "sqlite://:memory:"),
        ("database.url", "sqlite://"),
        ("database.url", "sqlite://a?mode=5ec12e7"),
        ("telegram.api_base", "https://me:5ec12e7@host"),
        ("telegram.api_base", "ftp://host"),
        ("telegram.api_base", "https://host/?5ec12e7"),
        ("server.path_prefix", "agent-factory"),
        ("server.path_prefix", "/agent-factory/"),
        ("server.path_prefix", "/a//b"),
    ] {
        let told = refusal(&format!("{key} = {value:?}"), &[]);
        assert!(told.contains(key), "{told}");
        assert!(!told.contains("5ec12e7"), "{told}");
    }
}

#[test]
fn the_password_of_a_database_is_kept_and_never_shown() {
    let url = "postgres://me:5ec12e7@db.internal:5433/factory?sslmode=verify-full";
    for text in [url, &url.replace("postgres:", "postgresql:")] {
        let config = load(&format!("database.url = {text:?}"), &[]).unwrap();
        let DatabaseUrl::Postgres(stored) = &config.database.url else {
            panic!("{config:?}")
        };
        assert_eq!(stored.reveal(), text);
        assert!(config.database.url.has_password());
        for shown in [
            format!("{config:?}"),
            config.database.url.to_string(),
            serde_json::to_string(&config).unwrap(),
        ] {
            assert!(!shown.contains("5ec12e7"), "{shown}");
            assert!(
                shown.contains("me@db.internal:5433/factory?sslmode=verify-full"),
                "{shown}"
            );
        }
    }
    let config = load(
        "",
        &[("AGENT_FACTORY_DATABASE__URL", "postgres:///f?host=/run/pg")],
    );
    assert!(!config.unwrap().database.url.has_password());
}

#[test]
fn an_address_loses_the_slash_at_its_end() {
    let config = load("telegram.api_base = \"http://127.0.0.1:8081/bots/\"", &[]).unwrap();
    assert_eq!(
        config.telegram.api_base.as_str(),
        "http://127.0.0.1:8081/bots"
    );
    assert_eq!(
        load("server.path_prefix = \"\"", &[])
            .unwrap()
            .server
            .path_prefix
            .as_str(),
        ""
    );
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_named() {
    let missing = Config::load(Some(Path::new("/nonexistent/a.toml")), owned(&[])).unwrap_err();
    assert!(
        missing
            .to_string()
            .contains("cannot read the configuration file /nonexistent/a.toml"),
        "{missing}"
    );
    let told = refusal("[secrets]\nmaster_key = 5ec12e7\n", &[]);
    assert!(told.ends_with(" on line 2"), "{told}");
    assert!(!told.contains("5ec12e7"), "{told}");
    assert!(told.contains("factory.toml is not valid TOML"), "{told}");
}
