//! Folders, archives and agents to try things on.

use agent_factory::domain::{Hints, Tool};
use agent_factory::store::StoreError;
use agent_factory::workspace::{
    self, AdmittedSkill, AgentId, Bounds, Files, Granting, SkillFolder, SkillPut, WorkspaceError,
};
use agent_factory_tests::database::TestDatabase;
use agent_factory_tests::on_either;

pub(super) const MANIFEST: &str = "---\nname: dice\ndescription: Throws dice.\n---\nThrow.\n";

/// Bounds small enough to be met.
pub(super) const BOUNDS: Bounds = Bounds {
    documents: 3,
    document_bytes: 200,
    skills: 2,
    files: 4,
    file_bytes: 50,
    folder_bytes: 20_480,
    component_bytes: 100,
};

pub(super) fn files(files: &[(&str, &[u8])]) -> Files {
    files
        .iter()
        .map(|(path, bytes)| (path.parse().unwrap(), bytes.to_vec().into()))
        .collect()
}

/// A folder `name` of a manifest and these files.
pub(super) fn folder(name: &str, others: &[(&str, &[u8])]) -> SkillFolder {
    let manifest = MANIFEST.replace("dice", name);
    let mut files = files(others);
    files.insert("SKILL.md".parse().unwrap(), manifest.into());
    SkillFolder::of(&name.parse().unwrap(), files, &BOUNDS).unwrap()
}

pub(super) fn tool(name: &str) -> Tool {
    Tool {
        name: name.parse().unwrap(),
        title: None,
        description: "A tool.".to_owned(),
        input_schema: r#"{"type":"object"}"#.to_owned(),
        output_schema: None,
        hints: Hints::default(),
    }
}

/// A skill as if its component had been admitted.
pub(super) fn skill(name: &str, others: &[(&str, &[u8])], tools: &[&str]) -> AdmittedSkill {
    AdmittedSkill {
        folder: folder(name, others),
        tools: tools.iter().map(|name| tool(name)).collect(),
    }
}

pub(super) async fn agent(test: &TestDatabase, tenant: &str) -> AgentId {
    let (tenant_id, agent_key) = test.agent(tenant, "default").await;
    AgentId {
        tenant_id,
        agent_key,
    }
}

pub(super) async fn put(
    test: &TestDatabase,
    agent: &AgentId,
    skill: AdmittedSkill,
) -> Result<SkillPut, WorkspaceError> {
    put_granting(test, agent, skill, Granting::WhereNew).await
}

pub(super) async fn put_granting(
    test: &TestDatabase,
    agent: &AgentId,
    skill: AdmittedSkill,
    granting: Granting,
) -> Result<SkillPut, WorkspaceError> {
    let agent = agent.clone();
    test.db
        .write(move |tx| {
            Box::pin(
                async move { workspace::skill_put(tx, &agent, &BOUNDS, &skill, granting).await },
            )
        })
        .await
}

/// How often what the agent's compiled prompt is made of has changed.
pub(super) async fn content_version(test: &TestDatabase) -> i64 {
    const SQL: &str = "SELECT CAST(SUM(content_version) AS BIGINT) FROM agent_profiles";
    let sum: Result<i64, StoreError> = test
        .db
        .read(|tx| {
            Box::pin(async move {
                let sum = on_either!(tx, |conn| sqlx::query_scalar(SQL).fetch_one(conn).await);
                Ok(sum?)
            })
        })
        .await;
    sum.unwrap()
}
