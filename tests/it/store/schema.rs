//! The schema is the same on both databases, and made once.

use agent_factory::store::{ClockSource, Db, StoreError};
use agent_factory_tests::database::{CONNECTIONS, TestDatabase};
use agent_factory_tests::on_either;
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

/// What comes behind this in a file is each database's own: what it leads to is compared by
/// [`both_databases_end_up_with_the_same_columns`].
const APART: &str = "-- Each database in its own words from here on.";

/// Tables with their columns, and indexes with theirs, as the files declare them: what is left when types and the rest
/// are taken off.
fn declared(database: &str) -> Vec<String> {
    let mut declared = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../host/migrations")
        .join(database);
    for name in names(database) {
        let text = std::fs::read_to_string(folder.join(name)).expect("a migration");
        // What PostgreSQL alone does before: it locks.
        let text = text.split_once("END $$;").map_or(&*text, |(_, rest)| rest);
        for line in text
            .lines()
            .take_while(|line| *line != APART)
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

/// Every table's columns, as the database has them.
async fn columns(test: &TestDatabase, sql: &'static str) -> Vec<String> {
    let columns: Result<Vec<String>, StoreError> = test
        .db
        .read(move |tx| {
            Box::pin(async move {
                Ok(on_either!(tx, |conn| sqlx::query_scalar(sql)
                    .fetch_all(conn)
                    .await)?)
            })
        })
        .await;
    columns.expect("columns")
}

#[tokio::test]
async fn both_databases_end_up_with_the_same_columns() {
    let sqlite = TestDatabase::sqlite().await;
    let Some(postgres) = TestDatabase::postgres().await else {
        return;
    };
    // The counter of fences is a table on SQLite and a sequence on PostgreSQL.
    let here = columns(
        &sqlite,
        "SELECT t.name || '.' || c.name || CASE WHEN c.\"notnull\" = 1 THEN ' NOT NULL' ELSE '' END
        FROM sqlite_master t, pragma_table_info(t.name) c
        WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND t.name NOT IN ('lease_fences', 'test_clock')
        ORDER BY 1",
    );
    let there = columns(
        &postgres,
        "SELECT (table_name || '.' || column_name || CASE WHEN is_nullable = 'NO' THEN ' NOT NULL' ELSE '' END) COLLATE \"C\"
        FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_sqlx%' AND table_name <> 'test_clock'
        ORDER BY 1",
    );
    assert_eq!(here.await, there.await);
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
