//! The README's deployment on two machines, its commands run as they stand, on one machine.

use super::text;
use agent_factory_tests::built;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// The commands of the section, with the machine each is typed on, without what needs a person or the Internet.
fn commands() -> Vec<(String, String)> {
    let readme = text("README.md");
    let section = readme
        .split("### On any two Linux machines")
        .nth(1)
        .and_then(|rest| rest.split("\n### ").next())
        .expect("the section");
    section
        .lines()
        .filter_map(|line| line.split_once("$ "))
        .filter(|(machine, _)| ["plane", "you", "worker"].contains(machine))
        .map(|(machine, command)| (machine.to_owned(), command.to_owned()))
        .filter(|(_, command)| {
            !command.contains("secret import") && !command.contains("bot configure")
        })
        .collect()
}

/// One machine: its environment grows by what is exported on it.
#[derive(Default)]
struct Machine {
    exported: BTreeMap<String, String>,
}

/// A process that serves; killed when it is dropped.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Machine {
    fn shell(&self, folder: &Path, line: &str) -> Command {
        let programs = built::program();
        let programs = programs.parent().expect("a folder").display();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", line])
            .current_dir(folder)
            .env_clear()
            .env("PATH", format!("{programs}:/usr/bin:/bin"))
            .env("AGENT_FACTORY_LIMITS__ENGINE_SLOTS", "4")
            .env("AGENT_FACTORY_LIMITS__TOOL_SLOTS", "4")
            .envs(&self.exported)
            .stdin(Stdio::null());
        shell
    }

    fn run(&self, folder: &Path, line: &str) -> Output {
        let output = self.shell(folder, line).output().expect("a shell");
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    /// `export NAME=VALUE`, the value as the shell sees it.
    fn export(&mut self, folder: &Path, assignment: &str) {
        let (name, value) = assignment.split_once('=').expect("an assignment");
        let output = self.run(folder, &format!("printf %s {value}"));
        let value = String::from_utf8(output.stdout).expect("text");
        self.exported.insert(name.to_owned(), value);
    }
}

/// A folder with what the README has at hand: the examples and what was built.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a temporary folder");
    let link = |name: &str, to: &Path| {
        std::os::unix::fs::symlink(to, home.path().join(name)).expect("a link");
    };
    let examples = super::root("examples");
    link("examples", &examples.canonicalize().expect("the examples"));
    let guests = built::guest("offline");
    let guests = guests.parent().expect("a folder").to_owned();
    std::fs::create_dir(home.path().join("target")).expect("a folder");
    link("target/guests", &guests);
    home
}

/// What a control plane prints at its first start, up to the address it serves.
fn operator_token(out: impl BufRead) -> String {
    let mut token = String::new();
    for line in out.lines() {
        let line = line.expect("text");
        if line.trim().starts_with("aft_o_") {
            line.trim().clone_into(&mut token);
        }
        if line.starts_with("Serving on ") {
            break;
        }
    }
    assert!(!token.is_empty(), "it printed no operator's token");
    token
}

#[test]
fn its_commands_lead_from_nothing_to_an_answer() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let address = format!("127.0.0.1:{port}");
    let home = home();
    let mut machines: BTreeMap<String, Machine> = BTreeMap::new();
    let mut serving = Vec::new();
    let mut said = String::new();
    for (name, command) in commands() {
        let command = command.replace("10.0.0.1:8080", &address);
        let machine = machines.entry(name.clone()).or_default();
        if let Some(assignment) = command.strip_prefix("export ") {
            machine.export(home.path(), assignment);
        } else if command.starts_with("agent-factory serve") || command == "agent-factory worker" {
            let mut shell = machine.shell(home.path(), &format!("exec {command}"));
            let mut child = shell.stdout(Stdio::piped()).spawn().expect("a shell");
            let out = BufReader::new(child.stdout.take().expect("a stdout"));
            serving.push(Serving(child));
            if name == "plane" {
                let token = operator_token(out);
                std::fs::write(home.path().join("operator.token"), token).expect("a file");
            }
        } else {
            let output = machine.run(home.path(), &command);
            said = String::from_utf8(output.stdout).expect("text");
        }
    }
    assert_eq!(
        serving.len(),
        2,
        "the README starts a control plane and a worker"
    );
    assert!(said.contains("the first"), "the agent said {said:?}");
}
