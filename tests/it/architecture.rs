//! Data flows one way: which folder of the host may know which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Each folder (or file) of `host/src`, in an order in which each uses only those after it, with what it may use
/// beside `domain`, `config`, `clock` and `telemetry`.
const MAY_USE: [(&str, &[&str]); 26] = [
    (
        "cli",
        &[
            "api",
            "app",
            "artifacts",
            "control",
            "egress",
            "engine",
            "identity",
            "outbox",
            "queue",
            "remote",
            "reply",
            "secrets",
            "store",
            "worker",
            "workspace",
        ],
    ),
    (
        "app",
        &[
            "api",
            "artifacts",
            "control",
            "egress",
            "engine",
            "hydration",
            "leader",
            "maintenance",
            "outbox",
            "queue",
            "reply",
            "scrape",
            "secrets",
            "store",
            "worker",
        ],
    ),
    (
        "api",
        &[
            "artifacts",
            "control",
            "engine",
            "hydration",
            "identity",
            "ingress",
            "outbox",
            "queue",
            "scrape",
            "secrets",
            "state",
            "store",
            "workspace",
        ],
    ),
    ("scrape", &["artifacts", "engine", "queue", "store"]),
    // Enqueue only: a webhook reaches no engine and no reply.
    ("ingress", &["identity", "queue", "store"]),
    // No store: a worker has no database.
    ("worker", &["control", "engine", "hydration", "reply"]),
    // Nor its way to the control plane.
    ("remote", &["control", "engine", "hydration"]),
    (
        "control",
        &[
            "artifacts",
            "engine",
            "hydration",
            "identity",
            "outbox",
            "queue",
            "reply",
            "secrets",
            "state",
            "store",
        ],
    ),
    (
        "maintenance",
        &[
            "artifacts",
            "engine",
            "hydration",
            "leader",
            "outbox",
            "queue",
            "state",
        ],
    ),
    // What it leads, it does not know.
    ("leader", &["store"]),
    ("workspace", &["artifacts", "store"]),
    ("artifacts", &["engine", "store"]),
    ("hydration", &["queue", "secrets", "state", "store"]),
    ("outbox", &["queue", "store"]),
    ("queue", &["store"]),
    ("state", &["store"]),
    ("identity", &["store"]),
    ("secrets", &["store"]),
    // No store, no queue, no secrets: what a guest can reach has none of them.
    ("engine", &["egress"]),
    // Guests' requests go out here, and it knows nobody.
    ("egress", &[]),
    ("reply", &[]),
    ("store", &[]),
    // What is counted, and no more of it than words.
    ("telemetry", &[]),
    ("clock", &[]),
    ("config", &[]),
    ("domain", &[]),
];
const ANYONE: [&str; 4] = ["domain", "config", "clock", "telemetry"];

#[test]
fn every_use_of_one_folder_by_another_is_a_known_one() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src");
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    visit(&source, &source, &mut used);
    let known: BTreeMap<&str, &[&str]> = MAY_USE.into_iter().collect();
    for (folder, uses) in &used {
        let Some(allowed) = known.get(folder.as_str()) else {
            panic!("{folder} is new: say above what it may use");
        };
        for other in uses {
            assert!(
                allowed.contains(&other.as_str()) || ANYONE.contains(&other.as_str()),
                "{folder} uses {other}: is that an arrow back?"
            );
        }
    }
    assert_eq!(used.len(), MAY_USE.len(), "a folder above is gone");
}

#[test]
fn no_folder_is_used_by_one_that_it_uses() {
    let place = |name: &str| {
        MAY_USE
            .iter()
            .position(|(folder, _)| *folder == name)
            .expect(name)
    };
    for (folder, uses) in MAY_USE {
        for other in uses {
            assert!(
                place(folder) < place(other),
                "{folder} uses {other}, which comes before it"
            );
        }
    }
}

/// Who opens connections to other machines: guests' requests (and the names they lead to), Telegram's, a worker's to its
/// control plane, a command's to the same. A database's are sqlx's.
const REACHES_OUT: [&str; 5] = [
    "cli/client.rs",
    "egress/mod.rs",
    "egress/resolve.rs",
    "remote/link.rs",
    "reply/telegram.rs",
];
/// What opens one, or looks a name up.
const OPENERS: [&str; 9] = [
    "Client::builder(",
    // With arguments it is this program's own.
    "Client::new()",
    "reqwest::get(",
    "ClientBuilder",
    "TcpStream::connect",
    "TcpSocket",
    "UdpSocket",
    "lookup_host(",
    "ToSocketAddrs",
];

#[test]
fn nobody_opens_a_connection_but_those_whose_duty_it_is() {
    let known: BTreeSet<String> = REACHES_OUT.map(str::to_owned).into();
    let found = files_with(&OPENERS);
    assert_eq!(found, known, "guests and tenants go out through egress");
}

/// How code asks a machine for the time of day.
const CLOCKS: [&str; 6] = [
    "SystemTime::now",
    "UNIX_EPOCH",
    "Utc::now",
    "OffsetDateTime::now",
    "Timestamp::now",
    "Zoned::now",
];

/// What is due, over or too old follows the database's clock alone, and workers are told durations: one whose clock is
/// hours off works like any other.
#[test]
fn nobody_asks_a_machine_for_the_time_of_day() {
    assert_eq!(files_with(&CLOCKS), BTreeSet::new());
}

/// Files of the host that have one of these words outside their tests.
fn files_with(words: &[&str]) -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src");
    let mut found = BTreeSet::new();
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let relative = path.strip_prefix(&source).expect("within the source");
            let relative = relative.to_str().expect("text").to_owned();
            let code = std::fs::read_to_string(&path).expect("source");
            // Tests may reach their own doubles.
            let code = code.split("#[cfg(test)]").next().unwrap_or_default();
            let named = words.iter().any(|word| code.contains(word));
            if named && !relative.ends_with("tests.rs") {
                found.insert(relative);
            }
        }
    }
    found
}

/// Collect, for each folder, the names after `crate::` in its code.
fn visit(root: &Path, folder: &Path, used: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            visit(root, &path, used);
            continue;
        }
        let relative = path.strip_prefix(root).expect("within the source");
        let first = relative.components().next().expect("a name");
        let name = first
            .as_os_str()
            .to_str()
            .expect("text")
            .trim_end_matches(".rs")
            .to_owned();
        if name == "lib" || name == "main" {
            continue;
        }
        let code = std::fs::read_to_string(&path).expect("source");
        let uses = used.entry(name.clone()).or_default();
        for line in code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            for after in line.split("crate::").skip(1) {
                let end = after.find(|c: char| !c.is_alphanumeric() && c != '_');
                let other = &after[..end.unwrap_or(after.len())];
                if MAY_USE.iter().any(|(folder, _)| *folder == other) && other != name {
                    uses.insert(other.to_owned());
                }
            }
        }
        // Grouped imports name folders without `crate::` before each: one import a line instead.
        assert!(
            !code.contains("use crate::{"),
            "{}: one `use crate::...` a folder",
            path.display()
        );
    }
}
