//! The schema is the same on both databases, and made once.

use agent_factory::store::{ClockSource, Db};
use agent_factory_tests::database::CONNECTIONS;
use agent_factory_tests::postgres::Database;
use std::collections::BTreeSet;
use std::path::Path;

/// The names of the files in a folder of migrations.
fn names(database: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../host/migrations")
        .join(database);
    std::fs::read_dir(folder)
        .expect("a folder of migrations")
        .map(|file| {
            file.expect("a file")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect()
}

/// Tables with their columns, and indexes with theirs, as the files declare them: what is left when types and the rest
/// are taken off.
fn declared(database: &str) -> Vec<String> {
    let mut declared = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../host/migrations")
        .join(database);
    for name in names(database) {
        let text = std::fs::read_to_string(folder.join(name)).expect("a migration");
        for line in text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("--") && !tunes(line))
        {
            let plain = line.replace(" COLLATE \"C\"", "").replace("BYTEA", "BLOB");
            declared.push(plain.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    declared
}

/// Whether a line sets how PostgreSQL keeps a table, and nothing of what is in it; or takes a value out of stored JSON, which
/// each database does in its own words.
fn tunes(line: &str) -> bool {
    let kept = line.starts_with("ALTER TABLE") && line.contains(" SET (");
    kept || line.contains("json_extract(") || line.contains("::json ")
}

#[test]
fn both_databases_have_migrations_of_the_same_names() {
    assert_eq!(names("sqlite"), names("postgres"));
}

#[test]
fn both_databases_have_the_same_tables_columns_indexes_and_checks() {
    assert_eq!(declared("sqlite"), declared("postgres"));
}

#[tokio::test]
async fn processes_that_start_at_once_on_an_empty_database_make_its_schema_once() {
    let Some(database) = Database::empty().await else {
        return;
    };
    let url = database.parsed_url();
    let open = || Db::open(&url, CONNECTIONS, ClockSource::Database);
    let (one, two, three) = tokio::join!(open(), open(), open());
    for db in [one, two, three] {
        db.expect("a database that opens").close().await;
    }
}
