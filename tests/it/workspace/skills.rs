//! One skill at a time.

use super::fixture::{agent, content_version, put, skill};
use agent_factory::domain::SkillName;
use agent_factory::store::StoreError;
use agent_factory::workspace::{self, AgentId, Skill, SkillAsset, SkillPut, WorkspaceError};
use agent_factory_tests::database::TestDatabase;
use agent_factory_tests::store_cases;

async fn find(
    test: &TestDatabase,
    agent: &AgentId,
    name: &str,
) -> Option<(Skill, String, Vec<SkillAsset>)> {
    let (agent, name): (_, SkillName) = (agent.clone(), name.parse().unwrap());
    let found: Result<_, StoreError> = test
        .db
        .read(move |tx| Box::pin(async move { workspace::skill(tx, &agent, &name).await }))
        .await;
    found.unwrap()
}

async fn configure(
    test: &TestDatabase,
    agent: &AgentId,
    name: &str,
    enabled: bool,
) -> Option<bool> {
    let (agent, name): (_, SkillName) = (agent.clone(), name.parse().unwrap());
    let done: Result<_, WorkspaceError> = test
        .db
        .write(move |tx| {
            Box::pin(async move {
                workspace::skill_configure(tx, &agent, &name, Some(enabled), None).await
            })
        })
        .await;
    done.unwrap()
}

async fn delete(test: &TestDatabase, agent: &AgentId, name: &str) -> bool {
    let (agent, name): (_, SkillName) = (agent.clone(), name.parse().unwrap());
    let done: Result<_, WorkspaceError> = test
        .db
        .write(move |tx| Box::pin(async move { workspace::skill_delete(tx, &agent, &name).await }))
        .await;
    done.unwrap()
}

store_cases! {
    async fn the_same_folder_again_changes_nothing_and_any_other_file_does(test) {
        let mia = agent(&test, "mia").await;
        let files: [(&str, &[u8]); 2] = [("scripts/dice.wasm", b"x"), ("references/a.md", b"a")];
        let first = put(&test, &mia, skill("dice", &files, &["throw"])).await.unwrap();
        assert_eq!(first, SkillPut { changed: true, version: 1, granted: true });
        let before = content_version(&test).await;
        let again = put(&test, &mia, skill("dice", &files, &["throw"])).await.unwrap();
        assert_eq!(again, SkillPut { changed: false, version: 1, granted: true });
        assert_eq!(content_version(&test).await, before, "the compiled prompt stays");
        let files: [(&str, &[u8]); 2] = [("scripts/dice.wasm", b"x"), ("references/b.md", b"a")];
        let moved = put(&test, &mia, skill("dice", &files, &["throw"])).await.unwrap();
        assert_eq!(moved, SkillPut { changed: true, version: 2, granted: true });
        assert!(content_version(&test).await > before);
        let (skill, _, assets) = find(&test, &mia, "dice").await.unwrap();
        assert_eq!(skill.version, 2);
        let assets: Vec<_> = assets.iter().map(|a| (a.path.as_str(), a.kind.as_str())).collect();
        assert_eq!(assets, [("references/b.md", "reference"), ("scripts/dice.wasm", "component")]);
    }

    async fn two_skills_whose_tools_would_have_one_name_are_told_apart(test) {
        let mia = agent(&test, "mia").await;
        let wasm = |path| [(path, &b"x"[..])];
        put(&test, &mia, skill("a", &wasm("scripts/a.wasm"), &["b__c"])).await.unwrap();
        let error = put(&test, &mia, skill("a--b", &wasm("scripts/a--b.wasm"), &["c"])).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the tool a__b__c is offered by the skill a already; rename the skill or its tool"
        );
        put(&test, &mia, skill("a--b", &wasm("scripts/a--b.wasm"), &["d"])).await.unwrap();
    }

    async fn skills_are_accepted_at_their_bound_and_refused_beyond_it(test) {
        let mia = agent(&test, "mia").await;
        put(&test, &mia, skill("one", &[], &[])).await.unwrap();
        put(&test, &mia, skill("two", &[], &[])).await.unwrap();
        let error = put(&test, &mia, skill("three", &[], &[])).await.unwrap_err();
        assert_eq!(error.to_string(), "skills: at most 2 (uploads.skills)");
        assert!(put(&test, &mia, skill("two", &[("a", b"x")], &[])).await.unwrap().changed);
        assert!(delete(&test, &mia, "one").await);
        put(&test, &mia, skill("three", &[], &[])).await.unwrap();
    }

    async fn a_skill_is_switched_off_and_stays_off_when_it_is_put_again(test) {
        let mia = agent(&test, "mia").await;
        put(&test, &mia, skill("dice", &[], &[])).await.unwrap();
        assert_eq!(configure(&test, &mia, "dice", false).await, Some(true));
        assert_eq!(configure(&test, &mia, "dice", false).await, Some(false));
        put(&test, &mia, skill("dice", &[("a", b"x")], &[])).await.unwrap();
        assert!(!find(&test, &mia, "dice").await.unwrap().0.enabled);
        assert_eq!(configure(&test, &mia, "other", false).await, None);
    }

    async fn another_tenants_skills_are_not_there(test) {
        let (mia, tom) = (agent(&test, "mia").await, agent(&test, "tom").await);
        put(&test, &mia, skill("dice", &[("a", b"x")], &[])).await.unwrap();
        assert!(find(&test, &tom, "dice").await.is_none());
        assert!(!delete(&test, &tom, "dice").await);
        assert_eq!(configure(&test, &tom, "dice", false).await, None);
        assert!(find(&test, &mia, "dice").await.is_some());
    }

    async fn two_puts_of_one_skill_at_once_leave_one_of_them_whole(test) {
        let mia = agent(&test, "mia").await;
        let one = skill("dice", &[("a", b"one"), ("b", b"two")], &[]);
        let two = skill("dice", &[("a", b"two"), ("c", b"one")], &[]);
        let (first, second) = tokio::join!(put(&test, &mia, one), put(&test, &mia, two));
        let versions = [first.unwrap().version, second.unwrap().version];
        assert!(versions == [1, 2] || versions == [2, 1], "{versions:?}");
        let (_, _, assets) = find(&test, &mia, "dice").await.unwrap();
        let paths: Vec<_> = assets.iter().map(|asset| asset.path.as_str()).collect();
        assert!(paths == ["a", "b"] || paths == ["a", "c"], "{paths:?}");
    }
}
