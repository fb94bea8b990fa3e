//! `skill push`, `workspace push` and `engine push`: folders, uploaded.

use super::client::{Client, ClientArguments};
use super::print;
use crate::workspace::{self, Bounds, Files, SkillFolder};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What the control plane bounds is not bounded here a second time; this keeps a command from reading a whole disk.
const BOUNDS: Bounds = Bounds {
    documents: u32::MAX,
    document_bytes: 1 << 30,
    skills: u32::MAX,
    files: 100_000,
    file_bytes: 1 << 30,
    folder_bytes: 2 << 30,
    component_bytes: 1 << 30,
};
/// What a folder is uploaded as.
const TAR: &str = "application/x-tar";

/// Which agent of which tenant.
#[derive(Debug, Args)]
pub(super) struct AgentArguments {
    /// Whose agent [default: the tenant of the token].
    #[arg(long, value_name = "TENANT")]
    pub(super) tenant: Option<String>,
    /// Which agent.
    #[arg(long, value_name = "AGENT", default_value = "default")]
    pub(super) agent: String,
    #[command(flatten)]
    pub(super) client: ClientArguments,
}

/// Upload skills.
#[derive(Debug, Subcommand)]
pub(super) enum SkillCommand {
    /// Upload a skill folder; the same folder again changes nothing.
    #[command(after_help = "\
A skill is a folder with a SKILL.md in it and, where it has tools, a WebAssembly component at scripts/<name>.wasm. Hidden
files, links, target, node_modules and __pycache__ stay at home. The next message the agent takes sees the new skill; a turn
that is running goes on with the old one.

What config/capabilities.toml asks for is granted to this agent when it gets the skill, and shown. A skill whose component
or wishes changed since runs with nothing of it until it is granted again: by --grant, or later by `skill grant`.

Example:
  agent-factory skill push examples/dice")]
    Push {
        /// The skill's folder.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Grant what it asks for, also where it changed.
        #[arg(long)]
        grant: bool,
        #[command(flatten)]
        agent: AgentArguments,
    },
    /// Grant what a skill asks for, as it is stored now.
    #[command(after_help = "\
Shows what it asks for, and grants that and nothing else: where the skill changes in the meantime, nothing is granted.

Example:
  agent-factory skill grant weather")]
    Grant {
        /// The skill.
        #[arg(value_name = "SKILL")]
        skill: String,
        #[command(flatten)]
        agent: AgentArguments,
    },
}

/// Upload engines.
#[derive(Debug, Subcommand)]
pub(super) enum EngineCommand {
    /// Upload an engine folder, or a component by itself; agents stay with what they have until they are configured.
    #[command(after_help = "\
Examples:
  agent-factory engine push my-engine
  agent-factory engine push --shared openai-chat.wasm")]
    Push {
        /// The engine's folder, or its component.
        #[arg(value_name = "DIR|FILE")]
        engine: PathBuf,
        /// For every tenant; takes the operator's token.
        #[arg(long, conflicts_with = "tenant")]
        shared: bool,
        /// Whose engine [default: the tenant of the token].
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        #[command(flatten)]
        client: ClientArguments,
    },
}

/// Upload workspaces.
#[derive(Debug, Subcommand)]
pub(super) enum WorkspaceCommand {
    /// Upload an OpenClaw workspace: its documents and all of its skills. What the agent wrote since is kept.
    #[command(after_help = "\
Documents are the Markdown files of the folder and of memory/; skills are the folders under skills/. Nothing that is
missing in the folder is removed from the agent.

Example:
  agent-factory workspace push examples/demo-workspace")]
    Push {
        /// The workspace's folder.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Grant what its skills ask for, also where they changed.
        #[arg(long)]
        grant: bool,
        #[command(flatten)]
        agent: AgentArguments,
    },
}

/// Upload or grant a skill.
pub(super) async fn skill(command: SkillCommand) -> anyhow::Result<()> {
    match command {
        SkillCommand::Push {
            folder,
            grant,
            agent,
        } => {
            let client = Client::new(&agent.client)?;
            let tenant = client.tenant(agent.tenant.as_deref()).await?;
            let read = read(&folder)?;
            push_skill(&client, &tenant, &agent.agent, &read, grant).await
        }
        SkillCommand::Grant { skill, agent } => grant_skill(&skill, &agent).await,
    }
}

/// Show what a skill asks for, and grant just that.
async fn grant_skill(skill: &str, agent: &AgentArguments) -> anyhow::Result<()> {
    let client = Client::new(&agent.client)?;
    let tenant = client.tenant(agent.tenant.as_deref()).await?;
    let path = ["tenants", &tenant, "agents", &agent.agent, "skills", skill];
    let shown = client.get(&path, &[]).await;
    let shown = shown.with_context(|| format!("look at the skill {skill}"))?;
    let digest = shown.get("grantDigest").and_then(Value::as_str);
    let body = json!({ "grantDigest": digest });
    let to = [&path[..], &["grant"]].concat();
    let answer = client.ask(Method::PUT, &to, &[], Some(&body)).await;
    let answer = answer.with_context(|| format!("grant the skill {skill}"))?;
    let changed = answer.get("changed").and_then(Value::as_bool) == Some(true);
    let mut told = match changed {
        true => format!("skill {skill}: granted"),
        false => format!("skill {skill}: was granted already"),
    };
    for line in lines(&shown, "withheld").chain(lines(&shown, "granted")) {
        told.push_str(&format!("\n  granted  {line}"));
    }
    print::line(&told)
}

/// A list of texts in an answer.
fn lines<'a>(answer: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    let list = answer.get(field).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// Upload an engine.
pub(super) async fn engine(command: EngineCommand) -> anyhow::Result<()> {
    let EngineCommand::Push {
        engine,
        shared,
        tenant,
        client,
    } = command;
    let client = Client::new(&client)?;
    let read = read_engine(&engine)?;
    let name = read.manifest.name.to_string();
    let path = if shared {
        vec!["engines".to_owned(), name]
    } else {
        let tenant = client.tenant(tenant.as_deref()).await?;
        vec!["tenants".to_owned(), tenant, "engines".to_owned(), name]
    };
    upload(&client, &path, &[], &read).await.map(drop)
}

/// Upload an engine of a tenant; answers its digest.
pub(super) async fn push_engine(
    client: &Client,
    tenant: &str,
    engine: &Path,
) -> anyhow::Result<Option<String>> {
    let read = read_engine(engine)?;
    let name = read.manifest.name.to_string();
    let path = ["tenants", tenant, "engines", &name].map(str::to_owned);
    let answer = upload(client, &path, &[], &read).await?;
    Ok(answer
        .get("digest")
        .and_then(Value::as_str)
        .map(str::to_owned))
}

/// Upload a workspace.
pub(super) async fn workspace(command: WorkspaceCommand) -> anyhow::Result<()> {
    let WorkspaceCommand::Push {
        folder,
        grant,
        agent,
    } = command;
    let client = Client::new(&agent.client)?;
    let tenant = client.tenant(agent.tenant.as_deref()).await?;
    let read = workspace::read(&folder, &BOUNDS)?;
    let (mut changed, mut kept) = (0_u32, 0_u32);
    for (path, text) in &read.documents {
        let to = [
            "tenants",
            &tenant,
            "agents",
            &agent.agent,
            "documents",
            path.as_str(),
        ];
        let keep = [("keepAgents", "true")];
        let body = text.clone().into_bytes();
        let answer = client.put_bytes(&to, &keep, "text/plain", body).await;
        let answer = answer.with_context(|| format!("put the document {path}"))?;
        let is = |field: &str| answer.get(field).and_then(Value::as_bool) == Some(true);
        if is("changed") {
            changed = changed.saturating_add(1);
            print::note(&format!("{path}: stored"))?;
        }
        if is("kept") {
            kept = kept.saturating_add(1);
            print::note(&format!(
                "{path}: kept as the agent wrote it; `curl -T` it without keepAgents to replace it"
            ))?;
        }
    }
    for skill in &read.skills {
        push_skill(&client, &tenant, &agent.agent, skill, grant).await?;
    }
    print::line(&format!(
        "{} documents, {changed} of them changed and {kept} kept; {} skills",
        read.documents.len(),
        read.skills.len()
    ))
}

async fn push_skill(
    client: &Client,
    tenant: &str,
    agent: &str,
    folder: &SkillFolder,
    grant: bool,
) -> anyhow::Result<()> {
    let name = folder.manifest.name.to_string();
    let path = ["tenants", tenant, "agents", agent, "skills", &name].map(str::to_owned);
    let grant: &[(&str, &str)] = if grant { &[("grant", "true")] } else { &[] };
    let answer = upload(client, &path, grant, folder).await?;
    if answer.get("kind").and_then(Value::as_str) == Some("engine") {
        print::note(&format!(
            "it is an engine; give it to an agent: agent-factory agent configure --agent {agent} --engine {name}"
        ))?;
    }
    Ok(())
}

fn read(folder: &Path) -> anyhow::Result<SkillFolder> {
    if !folder.is_dir() {
        anyhow::bail!(
            "{} is no folder; name the folder that holds SKILL.md",
            folder.display()
        );
    }
    Ok(workspace::read_skill(folder, &BOUNDS)?)
}

/// An engine's folder; of a component by itself, a folder is made up.
fn read_engine(engine: &Path) -> anyhow::Result<SkillFolder> {
    if engine.is_dir() {
        return read(engine);
    }
    let bytes = std::fs::read(engine).with_context(|| format!("read {}", engine.display()))?;
    let stem = engine.file_stem().and_then(|stem| stem.to_str());
    let name = stem.unwrap_or_default().replace('_', "-");
    let name: crate::domain::SkillName = name
        .parse()
        .with_context(|| format!("name an engine after {}", engine.display()))?;
    let manifest = format!("---\nname: {name}\ndescription: The engine {name}.\n---\n");
    let mut files = Files::new();
    files.insert("SKILL.md".parse()?, manifest.into());
    files.insert(format!("scripts/{name}.wasm").parse()?, bytes.into());
    Ok(SkillFolder::of(&name, files, &BOUNDS)?)
}

/// Send a folder, and say what came of it.
async fn upload(
    client: &Client,
    path: &[String],
    query: &[(&str, &str)],
    folder: &SkillFolder,
) -> anyhow::Result<Value> {
    let name = &folder.manifest.name;
    let mut files = folder.files.clone();
    files.insert("SKILL.md".parse()?, folder.manifest_md.clone().into());
    let archive = workspace::pack(&files).context("pack the folder")?;
    print::note(&format!(
        "{name}: read {} files, uploading {} bytes",
        files.len(),
        archive.len()
    ))?;
    if folder.component.is_some() {
        print::note(&format!(
            "{name}: the control plane checks and compiles the component"
        ))?;
    }
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let answer = client.put_bytes(&path, query, TAR, archive).await;
    let answer = answer.with_context(|| format!("push {name}"))?;
    print::line(&told(name.as_str(), &answer))?;
    Ok(answer)
}

/// What came of an upload, for people.
fn told(name: &str, answer: &Value) -> String {
    let text = |field: &str| answer.get(field).and_then(Value::as_str);
    let number = |field: &str| answer.get(field).and_then(Value::as_i64);
    let kind = text("kind").unwrap_or("skill");
    let version = number("version").unwrap_or_default();
    let mut told = if answer.get("changed").and_then(Value::as_bool) == Some(true) {
        format!("{kind} {name}, version {version}: stored")
    } else {
        format!("{kind} {name}, version {version}: unchanged")
    };
    if let Some(milliseconds) = number("compileMs") {
        told.push_str(&format!(", compiled in {milliseconds} ms"));
    }
    let tools = answer.get("tools").and_then(Value::as_array);
    for tool in tools.into_iter().flatten() {
        let field = |field: &str| tool.get(field).and_then(Value::as_str).unwrap_or_default();
        told.push_str(&format!(
            "\n  tool     {}: {}",
            field("name"),
            field("description")
        ));
    }
    for line in lines(answer, "granted") {
        told.push_str(&format!("\n  granted  {line}"));
    }
    let withheld: Vec<&str> = lines(answer, "withheld").collect();
    for line in &withheld {
        told.push_str(&format!("\n  withheld {line}"));
    }
    if !withheld.is_empty() {
        told.push_str(&format!(
            "\n  it changed since it was granted, and runs with nothing of this until you grant it again:\n  \
             agent-factory skill grant {name}"
        ));
    }
    told
}
