//! A PostgreSQL server of the tests' own: made of the installed programs, stopped and removed with whoever started it.
//!
//! Only the standard library, since `xtask` starts one for a whole run by the same code.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Holds the address of a server for the tests of one run, without a database: `postgres://USER@HOST:PORT`. Empty where
/// whoever started the run found none.
pub(crate) const ADDRESS_VARIABLE: &str = "AGENT_FACTORY_TEST_POSTGRES";

/// Names the file that each test that is skipped for want of a server adds a line to.
pub(crate) const SKIPS_VARIABLE: &str = "AGENT_FACTORY_TEST_SKIPS";

/// Data that is thrown away needs no care: nothing is flushed.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 300
shared_buffers = '64MB'
";

/// A running server.
#[derive(Debug)]
pub(crate) struct Cluster {
    address: String,
    programs: PathBuf,
    folder: PathBuf,
    user: Option<User>,
    /// Stops the server once the pipe to it is closed, which the end of this process does, whatever ends it.
    guard: Child,
}

/// Who runs the server: it refuses to run as root.
#[derive(Clone, Copy, Debug)]
struct User {
    uid: u32,
    gid: u32,
}

impl Cluster {
    /// Start a server; none where none is installed.
    pub(crate) fn start() -> Result<Option<Self>, String> {
        let Some(programs) = programs() else {
            return Ok(None);
        };
        let folder = folder()?;
        let user = owner(&folder)?;
        let run =
            |program: &str, arguments: &[&str]| run(&programs, &folder, user, program, arguments);
        let data = folder.join("data");
        let data = data.to_string_lossy();
        run(
            "initdb",
            &[
                "--pgdata",
                &data,
                "--username",
                "postgres",
                "--auth",
                "trust",
                "--encoding",
                "UTF8",
                "--no-locale",
                "--no-sync",
            ],
        )?;
        let guard = guard(&programs, &folder, user)?;
        // Another program may take the port before the server does.
        let mut refused = String::new();
        for _ in 0..3 {
            let port = free_port()?;
            configure(&folder, port)?;
            let log = folder.join("log");
            let log = log.to_string_lossy();
            match run(
                "pg_ctl",
                &["--pgdata", &data, "--wait", "--log", &log, "start"],
            ) {
                Ok(()) => {
                    return Ok(Some(Self {
                        address: format!("postgres://postgres@127.0.0.1:{port}"),
                        programs: programs.clone(),
                        folder: folder.clone(),
                        user,
                        guard,
                    }));
                }
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// As of [`ADDRESS_VARIABLE`].
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Cut every connection where it is, as a crash of the server does, and start it again.
    #[allow(dead_code, reason = "of the two who compile this file one calls it")]
    pub(crate) fn restart(&self) -> Result<(), String> {
        let (data, log) = (self.folder.join("data"), self.folder.join("log"));
        let (data, log) = (data.to_string_lossy(), log.to_string_lossy());
        let arguments = [
            "--pgdata",
            &data,
            "--wait",
            "--mode",
            "immediate",
            "--log",
            &log,
            "restart",
        ];
        run(
            &self.programs,
            &self.folder,
            self.user,
            "pg_ctl",
            &arguments,
        )
    }

    /// Stop the server and remove what it stored. Without it, that happens when this process ends.
    #[allow(dead_code, reason = "of the two who compile this file one calls it")]
    pub(crate) fn stop(mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().ok();
    }
}

/// The folder of the server's programs: in the path, or where Debian puts them, the newest version first.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev().map(|(_, folder)| folder));
    folders.into_iter().find(|folder| {
        ["initdb", "pg_ctl", "postgres"]
            .iter()
            .all(|program| folder.join(program).is_file())
    })
}

fn folder() -> Result<PathBuf, String> {
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700);
    for number in 0..1000 {
        let name = format!("agent-factory-postgres-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        match builder.create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("make {}: {error}", folder.display())),
        }
    }
    Err("make a folder for PostgreSQL: a thousand are there already".to_owned())
}

/// Give the folder away where it is root's, and say to whom.
fn owner(folder: &Path) -> Result<Option<User>, String> {
    let failed = |error: std::io::Error| format!("give {} away: {error}", folder.display());
    if fs::metadata(folder).map_err(failed)?.uid() != 0 {
        return Ok(None);
    }
    let id = |option: &str, name: &str| {
        let output = Command::new("id").args([option, name]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    let user = ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| {
            Some(User {
                uid: id("-u", name)?,
                gid: id("-g", name)?,
            })
        })
        .ok_or("PostgreSQL does not run as root, and there is no user postgres or nobody")?;
    chown(folder, Some(user.uid), Some(user.gid)).map_err(failed)?;
    Ok(Some(user))
}

fn command(program: &Path, folder: &Path, user: Option<User>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    if let Some(user) = user {
        command.gid(user.gid).uid(user.uid);
    }
    command
}

fn run(
    programs: &Path,
    folder: &Path,
    user: Option<User>,
    program: &str,
    arguments: &[&str],
) -> Result<(), String> {
    // To a file: a server that kept a pipe open would keep whoever reads it waiting.
    let said = folder.join(format!("{program}.out"));
    let failed = |error: std::io::Error| format!("run {program}: {error}");
    let output = fs::File::create(&said).map_err(failed)?;
    let status = command(&programs.join(program), folder, user)
        .args(arguments)
        .stdout(output.try_clone().map_err(failed)?)
        .stderr(output)
        .status()
        .map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    let said = fs::read_to_string(said).unwrap_or_default();
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    Err(format!("{program} failed ({status}): {said}{log}"))
}

/// A shell that waits for the end of its input, which is the end of this process, and cleans up.
fn guard(programs: &Path, folder: &Path, user: Option<User>) -> Result<Child, String> {
    const SCRIPT: &str =
        r#"cat; "$1/pg_ctl" --pgdata "$2/data" --mode immediate --wait stop; cd /; rm -rf "$2""#;
    command(Path::new("/bin/sh"), folder, user)
        .args(["-c", SCRIPT, "sh"])
        .args([programs, folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A signal from the terminal is for the tests; the shell outlives them.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("start what stops PostgreSQL: {error}"))
}

fn configure(folder: &Path, port: u16) -> Result<(), String> {
    let file = folder.join("data/postgresql.auto.conf");
    let sockets = folder.display();
    let written = fs::File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .open(&file)
        .and_then(|mut out| {
            write!(
                out,
                "{SETTINGS}port = {port}\nunix_socket_directories = '{sockets}'\n"
            )
        });
    written.map_err(|error| format!("write {}: {error}", file.display()))
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    Ok(listener
        .map_err(|error| format!("find a free port: {error}"))?
        .port())
}
