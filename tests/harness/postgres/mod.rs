//! PostgreSQL for tests: one database a test, copied from a template that has the schema.
//!
//! The server is the one `cargo xtask test` started for the run, or that of `DATABASE_URL` (its user must be allowed to
//! make databases), or one that this process starts of the installed programs. Where there is none the tests that need
//! one are skipped, loudly and counted; where `CI` is set they fail.

pub(crate) mod cluster;

use agent_factory::config::DatabaseUrl;
use agent_factory::domain::Digest;
use cluster::{ADDRESS_VARIABLE, Cluster, SKIPS_VARIABLE};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// A server: an address without a database's name, and the database to give orders from.
#[derive(Debug)]
struct Server {
    address: String,
    admin: String,
    /// What stands behind the database's name in an address.
    parameters: String,
    /// Whether it is thrown away after this run.
    is_ours: bool,
    /// Kept for as long as this process lives.
    _cluster: Option<Cluster>,
}

/// A database of a test's own, dropped with this.
#[derive(Debug)]
pub struct Database {
    url: String,
    name: String,
    admin: String,
}

impl Database {
    /// A database with the schema and no rows; none where there is no server.
    ///
    /// # Panics
    /// Where there is a server that does not answer, or none though `CI` is set.
    pub async fn create() -> Option<Self> {
        Self::copy_of(true).await
    }

    /// A database without anything in it; none where there is no server.
    ///
    /// # Panics
    /// As [`Database::create`].
    pub async fn empty() -> Option<Self> {
        Self::copy_of(false).await
    }

    async fn copy_of(schema: bool) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = server()?;
        let mut admin = PgConnection::connect(&server.admin)
            .await
            .expect("a server that answers");
        let template = if schema {
            template(server, &mut admin).await
        } else {
            "template0".to_owned()
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("agent_factory_test_{}_{number}", std::process::id());
        order(
            &mut admin,
            format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        )
        .await;
        order(
            &mut admin,
            format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await;
        admin.close().await.expect("a server that answers");
        Some(Self {
            url: server.url(&name),
            name,
            admin: server.admin.clone(),
        })
    }

    /// Its address, as configuration has it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Do what the server does by itself once much has changed: clear away, and count.
    ///
    /// # Panics
    /// Where the server does not answer.
    pub async fn vacuum(&self) {
        let mut conn = PgConnection::connect(&self.url)
            .await
            .expect("a server that answers");
        order(&mut conn, "VACUUM ANALYZE".to_owned()).await;
    }

    /// Its address, to open it.
    pub fn parsed_url(&self) -> DatabaseUrl {
        self.url.parse().expect("a database's address")
    }
}

/// From now on, let the server that was started for this run write what it commits to the disk, as a server does that is
/// not for tests: for figures. Somebody else's server stays as it is.
///
/// # Panics
/// Where the server does not do it.
pub async fn write_through() {
    let Some(server) = server().filter(|server| server.is_ours) else {
        return;
    };
    let mut admin = PgConnection::connect(&server.admin)
        .await
        .expect("a server that answers");
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        order(&mut admin, format!("ALTER SYSTEM SET {setting} = on")).await;
    }
    order(&mut admin, "SELECT pg_reload_conf()".to_owned()).await;
}

/// A server that is one test's own, to be restarted.
#[derive(Debug)]
pub struct OwnServer(Arc<Cluster>);

impl OwnServer {
    /// Start one; none where none is installed.
    ///
    /// # Panics
    /// Where it does not start, or none is installed though `CI` is set.
    pub async fn start() -> Option<Self> {
        let starting = tokio::task::spawn_blocking(Cluster::start);
        let cluster = starting
            .await
            .expect("no panic")
            .expect("PostgreSQL starts");
        if cluster.is_none() {
            skip();
        }
        cluster.map(|cluster| Self(Arc::new(cluster)))
    }

    /// The address of a new database, whose commits survive a crash of the server.
    pub async fn database(&self) -> String {
        let address = self.0.address();
        let admin = format!("{address}/postgres");
        let mut admin = PgConnection::connect(&admin)
            .await
            .expect("a server that answers");
        order(
            &mut admin,
            "CREATE DATABASE own TEMPLATE template0".to_owned(),
        )
        .await;
        order(
            &mut admin,
            "ALTER DATABASE own SET synchronous_commit = on".to_owned(),
        )
        .await;
        format!("{address}/own")
    }

    /// Cut every connection where it is, as a crash of the server does, and wait until it is back.
    pub async fn restart(&self) {
        let cluster = Arc::clone(&self.0);
        let restarting = tokio::task::spawn_blocking(move || cluster.restart());
        restarting
            .await
            .expect("no panic")
            .expect("PostgreSQL starts again");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let order = AssertSqlSafe(format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            self.name
        ));
        let admin = self.admin.clone();
        // On a thread of its own: the test's runtime may be about to end, and cannot be blocked on.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.map(|runtime| {
                runtime.block_on(async {
                    let mut admin = PgConnection::connect(&admin).await?;
                    admin.execute(order).await
                })
            })
        });
        // What is left over takes room and nothing else.
        dropping.join().ok();
    }
}

impl Server {
    fn url(&self, database: &str) -> String {
        format!("{}/{database}{}", self.address, self.parameters)
    }
}

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        if let Some(address) = variable(ADDRESS_VARIABLE) {
            return (!address.is_empty()).then(|| at(address, None));
        }
        if let Some(url) = variable("DATABASE_URL").filter(|url| url.starts_with("postgres")) {
            return Some(of_url(url));
        }
        let cluster = Cluster::start().expect("PostgreSQL starts")?;
        Some(at(cluster.address().to_owned(), Some(cluster)))
    });
    if server.is_none() {
        skip();
    }
    server.as_ref()
}

fn at(address: String, cluster: Option<Cluster>) -> Server {
    Server {
        admin: format!("{address}/postgres"),
        address,
        parameters: String::new(),
        is_ours: true,
        _cluster: cluster,
    }
}

/// `postgres://HOST/DATABASE?PARAMETERS`: orders are given from that database.
fn of_url(url: String) -> Server {
    let (place, parameters) = url.split_once('?').unwrap_or((&url, ""));
    let (address, _) = place
        .rsplit_once('/')
        .expect("DATABASE_URL names a database");
    let parameters = match parameters {
        "" => String::new(),
        some => format!("?{some}"),
    };
    Server {
        address: address.to_owned(),
        parameters,
        admin: url,
        is_ours: false,
        _cluster: None,
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}

fn skip() {
    assert!(
        variable("CI").is_none(),
        "there is no PostgreSQL: install its server's programs, or set DATABASE_URL"
    );
    eprintln!(
        "SKIPPED: there is no PostgreSQL; install its server's programs, or set DATABASE_URL"
    );
    if let Some(file) = variable(SKIPS_VARIABLE) {
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(file);
        file.and_then(|mut file| writeln!(file, "skipped"))
            .expect("the list of skips");
    }
}

/// The database that others are copied from, made by the first who comes, of the migrations as they are now.
async fn template(server: &Server, admin: &mut PgConnection) -> String {
    const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host/migrations/postgres");
    const LOCK: i64 = 7_230_941;
    static NAME: OnceLock<String> = OnceLock::new();
    let migrator = Migrator::new(Path::new(MIGRATIONS))
        .await
        .expect("migrations");
    let checksums: Vec<u8> = migrator
        .iter()
        .flat_map(|migration| migration.checksum.to_vec())
        .collect();
    let digest = Digest::of(&checksums).to_string();
    let name = NAME.get_or_init(|| format!("agent_factory_template_{}", &digest[..12]));
    let there = "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)";
    let is_there: bool = sqlx::query_scalar(there)
        .bind(name)
        .fetch_one(&mut *admin)
        .await
        .expect("an answer");
    if is_there {
        return name.clone();
    }
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut *admin)
        .await
        .expect("a lock");
    let is_there: bool = sqlx::query_scalar(there)
        .bind(name)
        .fetch_one(&mut *admin)
        .await
        .expect("an answer");
    if !is_there {
        // Under another name until it is whole.
        let making = format!("{name}_making");
        order(
            admin,
            format!("DROP DATABASE IF EXISTS {making} WITH (FORCE)"),
        )
        .await;
        // In a language that does not sort by bytes, where the server knows one, so that what must be sorted by bytes
        // is seen to be.
        let english = format!(
            "CREATE DATABASE {making} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C'"
        );
        if admin.execute(AssertSqlSafe(english)).await.is_err() {
            order(
                admin,
                format!("CREATE DATABASE {making} TEMPLATE template0"),
            )
            .await;
        }
        let mut conn = PgConnection::connect(&server.url(&making))
            .await
            .expect("a new database");
        migrator.run(&mut conn).await.expect("migrations that run");
        conn.close().await.expect("a server that answers");
        order(admin, format!("ALTER DATABASE {making} RENAME TO {name}")).await;
    }
    sqlx::query("SELECT pg_advisory_unlock($1)")
        .bind(LOCK)
        .execute(admin)
        .await
        .expect("an unlock");
    name.clone()
}

async fn order(admin: &mut PgConnection, order: String) {
    let outcome = admin.execute(AssertSqlSafe(order.clone())).await;
    assert!(outcome.is_ok(), "{order}: {outcome:?}");
}
