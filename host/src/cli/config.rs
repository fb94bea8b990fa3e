//! `config show`: the effective configuration, as a file that can be used again.

use crate::config::{Config, MASTER_KEY_VARIABLE, quantity};

/// The configuration as TOML, each quantity with its range and unit behind it. Loading the result
/// gives the same configuration, but for the master key and a database's password, of which only the presence is
/// shown.
#[must_use]
pub(super) fn show(config: &Config) -> String {
    // Texts, numbers and tables under names: all of them exist in TOML.
    let plain = match toml::to_string(config) {
        Ok(plain) => plain,
        Err(error) => return format!("# this configuration cannot be shown: {error}\n"),
    };
    let mut shown = String::new();
    let mut section = "";
    for line in plain.lines() {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = name;
            shown.push_str(&heading(config, section));
            continue;
        }
        shown.push_str(line);
        if let Some((name, _)) = line.split_once(" = ")
            && let Some(quantity) = quantity(&format!("{section}.{name}"))
        {
            shown.push_str("  # ");
            shown.push_str(&quantity.to_string());
        }
        shown.push('\n');
    }
    shown
}

/// A section's name, and a comment for each of its keys that has no value to show.
fn heading(config: &Config, section: &str) -> String {
    let mut heading = format!("[{section}]\n");
    if section == "secrets" {
        heading.push_str(&master_key_line(config));
    }
    if section == "database" && config.database.url.has_password() {
        heading.push_str("# the password in url is set, and not shown\n");
    }
    for name in config.unset(section) {
        heading.push_str(&format!("# {name} is not set\n"));
    }
    heading
}

/// A comment: the file has no such key.
fn master_key_line(config: &Config) -> String {
    if config.secrets.master_key.is_some() {
        format!("# master key = \"(set)\" by {MASTER_KEY_VARIABLE}\n")
    } else {
        format!("# no master key in {MASTER_KEY_VARIABLE}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn load(text: &str, environment: &[(&str, &str)]) -> Config {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(Some(file.path()), environment).unwrap()
    }

    const EVERY_KIND_OF_VALUE: &str = r#"
        server.path_prefix = "/a/b"
        server.listen = "[::1]:0"
        database.url = "sqlite:///var/lib/agent \"factory\"/a = b.db"
        secrets.master_key_file = "C:\\keys\n[queue]"
        queue.claim_batch_size = 7
        retry.factor = 3
        retry.jitter_ratio = 0.25
        provider = { kind = "fly", app = "workers", region = "iad,eu" }
    "#;

    #[test]
    fn what_is_shown_loads_as_the_same_configuration() {
        for text in ["", EVERY_KIND_OF_VALUE] {
            let config = load(text, &[]);
            let again = load(&show(&config), &[]);
            assert_eq!(
                serde_json::to_value(&config).unwrap(),
                serde_json::to_value(&again).unwrap()
            );
            assert_eq!(show(&config), show(&again));
        }
    }

    #[test]
    fn a_database_is_shown_without_its_password_and_the_rest_loads_again() {
        let config = load("database.url = \"postgres://me:5ec12e7@host/db\"", &[]);
        let shown = show(&config);
        assert!(!shown.contains("5ec12e7"), "{shown}");
        let lines = "[database]\n# the password in url is set, and not shown\nurl = \"postgres://me@host/db\"\n";
        assert!(shown.contains(lines), "{shown}");
        let again = load(&shown, &[]);
        assert_eq!(again.database.url.to_string(), "postgres://me@host/db");
        assert!(!show(&again).contains("the password"));
    }

    #[test]
    fn every_quantity_is_shown_with_its_range_and_unit() {
        let shown = show(&Config::default());
        for quantity in crate::config::quantities() {
            let (_, name) = quantity.key.split_once('.').unwrap();
            assert!(
                shown
                    .lines()
                    .any(|line| line.starts_with(&format!("{name} = "))
                        && line.ends_with(&format!("  # {quantity}"))),
                "{}",
                quantity.key
            );
        }
        assert!(
            shown.contains("claim_batch_size = 25  # 1 to 512 conversations\n"),
            "{shown}"
        );
    }

    #[test]
    fn the_master_key_is_shown_as_set_and_never_itself() {
        let config = load("", &[(MASTER_KEY_VARIABLE, "5ec12e7")]);
        let shown = show(&config);
        assert!(shown.contains("\"(set)\""), "{shown}");
        for text in [
            shown,
            format!("{config:?}"),
            serde_json::to_string(&config).unwrap(),
        ] {
            assert!(!text.contains("5ec12e7"), "{text}");
        }
        let shown = show(&Config::default());
        assert!(
            shown.contains(
                "[secrets]\n# no master key in AGENT_FACTORY_MASTER_KEY\n# master_key_file is not set\n"
            ),
            "{shown}"
        );
    }
}
