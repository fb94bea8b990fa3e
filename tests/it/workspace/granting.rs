//! What a skill asks for, and what it is granted.

use super::fixture::{agent, content_version, put_granting, skill};
use Granting::{AsAsked, WhereNew};
use agent_factory::domain::{Digest, SkillName};
use agent_factory::store::StoreError;
use agent_factory::workspace::{self, AgentId, Granting, Skill, WorkspaceError};
use agent_factory_tests::database::TestDatabase;
use agent_factory_tests::{on_either, store_cases};

const ASKS: &[u8] = b"[capabilities]\nmemory = [\"read\"]";
const ASKS_MORE: &[u8] = b"[capabilities]\nmemory = [\"append\"]";
const CAPABILITIES: &str = "config/capabilities.toml";

/// Put the skill `dice` of this component, which asks for this; answers whether it is granted.
async fn put(
    test: &TestDatabase,
    agent: &AgentId,
    component: &[u8],
    asks: &[u8],
    granting: Granting,
) -> bool {
    let files = [("scripts/dice.wasm", component), (CAPABILITIES, asks)];
    let put = put_granting(test, agent, skill("dice", &files, &["throw"]), granting).await;
    let put = put.unwrap();
    let stored = stored(test, agent).await;
    assert_eq!(
        stored.granted, put.granted,
        "what is told is what is stored"
    );
    put.granted
}

async fn stored(test: &TestDatabase, agent: &AgentId) -> Skill {
    let (agent, name): (_, SkillName) = (agent.clone(), "dice".parse().unwrap());
    let found: Result<_, StoreError> = test
        .db
        .read(move |tx| Box::pin(async move { workspace::skill(tx, &agent, &name).await }))
        .await;
    found.unwrap().unwrap().0
}

async fn grant(
    test: &TestDatabase,
    agent: &AgentId,
    name: &str,
    shown: Digest,
) -> Result<Option<bool>, WorkspaceError> {
    let (agent, name): (_, SkillName) = (agent.clone(), name.parse().unwrap());
    test.db
        .write(move |tx| {
            Box::pin(async move { workspace::skill_grant(tx, &agent, &name, shown).await })
        })
        .await
}

store_cases! {
    async fn a_new_skill_is_granted_what_it_asks_for(test) {
        let mia = agent(&test, "mia").await;
        assert!(put(&test, &mia, b"one", ASKS, WhereNew).await);
        assert!(put(&test, &mia, b"one", ASKS, WhereNew).await, "and stays so");
    }

    async fn another_component_or_another_wish_must_be_granted_again(test) {
        let mia = agent(&test, "mia").await;
        assert!(put(&test, &mia, b"one", ASKS, WhereNew).await);
        assert!(!put(&test, &mia, b"two", ASKS, WhereNew).await);
        assert!(!put(&test, &mia, b"two", ASKS, WhereNew).await, "the same again grants nothing");
        assert!(put(&test, &mia, b"one", ASKS, WhereNew).await, "what was granted still is");
        assert!(!put(&test, &mia, b"one", ASKS_MORE, WhereNew).await);
        assert!(put(&test, &mia, b"one", ASKS_MORE, AsAsked).await, "whoever says so grants it");
        assert!(!put(&test, &mia, b"one", ASKS, WhereNew).await, "less is another wish, too");
    }

    async fn a_skill_that_asks_for_nothing_needs_no_grant(test) {
        let mia = agent(&test, "mia").await;
        assert!(put(&test, &mia, b"one", b"", WhereNew).await);
        assert!(put(&test, &mia, b"two", b"", WhereNew).await);
        assert!(!put(&test, &mia, b"two", ASKS, WhereNew).await, "until it asks for something");
        assert!(put(&test, &mia, b"two", b"", WhereNew).await);
        // A skill that is new again is as new as any.
        let other = agent(&test, "ada").await;
        assert!(put(&test, &other, b"two", ASKS, WhereNew).await);
    }

    async fn the_same_folder_again_can_be_granted_without_another_version(test) {
        let mia = agent(&test, "mia").await;
        put(&test, &mia, b"one", ASKS, WhereNew).await;
        put(&test, &mia, b"two", ASKS, WhereNew).await;
        let before = content_version(&test).await;
        assert!(put(&test, &mia, b"two", ASKS, AsAsked).await);
        assert_eq!(stored(&test, &mia).await.version, 2);
        assert!(content_version(&test).await > before, "the compiled snapshot goes");
    }

    async fn a_grant_is_of_what_was_shown_and_of_nothing_else(test) {
        let mia = agent(&test, "mia").await;
        put(&test, &mia, b"one", ASKS, WhereNew).await;
        put(&test, &mia, b"two", ASKS, WhereNew).await;
        let shown = stored(&test, &mia).await.grant;
        put(&test, &mia, b"three", ASKS, WhereNew).await;
        let refused = grant(&test, &mia, "dice", shown).await;
        assert!(matches!(refused, Err(WorkspaceError::OtherGrant(_))), "{refused:?}");
        assert!(!stored(&test, &mia).await.granted);
        let shown = stored(&test, &mia).await.grant;
        let before = content_version(&test).await;
        assert!(matches!(grant(&test, &mia, "dice", shown).await, Ok(Some(true))));
        assert!(stored(&test, &mia).await.granted);
        assert!(content_version(&test).await > before, "the compiled snapshot goes");
        assert!(matches!(grant(&test, &mia, "dice", shown).await, Ok(Some(false))));
        assert!(matches!(grant(&test, &mia, "other", shown).await, Ok(None)));
    }

    async fn another_agents_grant_is_not_this_ones(test) {
        let (mia, ada) = (agent(&test, "mia").await, agent(&test, "ada").await);
        for agent in [&mia, &ada] {
            put(&test, agent, b"one", ASKS, WhereNew).await;
            put(&test, agent, b"two", ASKS, WhereNew).await;
        }
        let shown = stored(&test, &mia).await.grant;
        grant(&test, &mia, "dice", shown).await.unwrap();
        assert!(stored(&test, &mia).await.granted && !stored(&test, &ada).await.granted);
    }

    async fn a_skill_from_before_there_were_grants_keeps_what_it_had_until_it_changes(test) {
        let mia = agent(&test, "mia").await;
        put(&test, &mia, b"one", ASKS, WhereNew).await;
        let forgotten: Result<_, StoreError> = test.db.write(|tx| Box::pin(async move {
            let sql = "UPDATE agent_skills SET grant_digest = NULL";
            on_either!(tx, |conn| sqlx::query(sql).execute(conn).await.map(drop))?;
            Ok(())
        })).await;
        forgotten.unwrap();
        assert!(stored(&test, &mia).await.granted);
        assert!(put(&test, &mia, b"one", ASKS, WhereNew).await);
        assert!(!put(&test, &mia, b"two", ASKS, WhereNew).await);
        assert!(put(&test, &mia, b"one", ASKS, WhereNew).await);
    }
}
