//! An agent's profile.

use super::fixture::{agent, content_version};
use agent_factory::domain::{Digest, Pool};
use agent_factory::workspace::{
    self, AgentId, AgentProfile, Configure, EngineBounds, EngineChoice, EngineOwner, NewEngine,
    WorkspaceError,
};
use agent_factory_tests::database::TestDatabase;
use agent_factory_tests::store_cases;

async fn configure(
    test: &TestDatabase,
    agent: &AgentId,
    wanted: Configure,
) -> Result<(bool, AgentProfile), WorkspaceError> {
    let agent = agent.clone();
    test.db
        .write(move |tx| {
            Box::pin(async move { workspace::agent_configure(tx, &agent, &wanted).await })
        })
        .await
}

/// The engine `offline`, for every tenant.
pub(super) async fn ship(test: &TestDatabase) {
    let engine = NewEngine {
        name: "offline".parse().unwrap(),
        description: "An engine.".to_owned(),
        component: b"engine".to_vec().into(),
    };
    let bounds = EngineBounds {
        engines: 1,
        versions: 1,
    };
    let put: Result<_, WorkspaceError> = test
        .db
        .write(move |tx| {
            Box::pin(async move {
                workspace::engine_put(tx, &EngineOwner::Operator, &engine, bounds).await
            })
        })
        .await;
    put.unwrap();
}

pub(super) fn with_offline() -> Configure {
    Configure {
        engine: Some(EngineChoice::Named("offline".parse().unwrap())),
        ..Configure::default()
    }
}

store_cases! {
    async fn a_new_agent_needs_an_engine_and_has_defaults_for_the_rest(test) {
        ship(&test).await;
        let mut new = agent(&test, "mia").await;
        new.agent_key = "second".parse().unwrap();
        let error = configure(&test, &new, Configure::default()).await.unwrap_err();
        assert!(matches!(error, WorkspaceError::EngineNeeded(_)));
        let (made, profile) = configure(&test, &new, with_offline()).await.unwrap();
        assert!(made);
        assert_eq!(profile.engine, Digest::of(b"engine"));
        assert_eq!((profile.time_zone.as_str(), profile.enabled, profile.version), ("UTC", true, 1));
    }

    async fn what_is_not_named_stays_and_the_same_again_changes_nothing(test) {
        ship(&test).await;
        let mia = agent(&test, "mia").await;
        let rome = || Configure { time_zone: Some("Europe/Rome".to_owned()), ..with_offline() };
        assert!(configure(&test, &mia, rome()).await.unwrap().0);
        let before = content_version(&test).await;
        assert!(!configure(&test, &mia, rome()).await.unwrap().0);
        assert_eq!(content_version(&test).await, before);
        let off = Configure { enabled: Some(false), ..Configure::default() };
        let (changed, profile) = configure(&test, &mia, off).await.unwrap();
        assert!(changed && !profile.enabled);
        assert_eq!(profile.time_zone, "Europe/Rome");
    }

    async fn what_makes_no_sense_is_refused(test) {
        let mia = agent(&test, "mia").await;
        let zone = Configure { time_zone: Some("Rome".to_owned()), ..Configure::default() };
        let error = configure(&test, &mia, zone).await.unwrap_err();
        assert_eq!(error.to_string(), "there is no time zone \"Rome\"; name one as Europe/Rome");
        let setting = |number: u32| (number.to_string(), String::new());
        for (settings, accepted) in [(100, true), (101, false)] {
            let runtime_config = Some((0..settings).map(setting).collect());
            let wanted = Configure { runtime_config, ..Configure::default() };
            assert_eq!(configure(&test, &mia, wanted).await.is_ok(), accepted, "{settings}");
        }
        let mut nobodys = mia.clone();
        nobodys.tenant_id = "nobody".parse().unwrap();
        let error = configure(&test, &nobodys, Configure::default()).await.unwrap_err();
        assert!(matches!(error, WorkspaceError::TenantMissing(_)));
    }

    async fn an_agent_with_conversations_stays_in_its_pool(test) {
        let mia = agent(&test, "mia").await;
        let pool = |name: &str| Configure { pool: Some(name.parse::<Pool>().unwrap()), ..Configure::default() };
        assert!(configure(&test, &mia, pool("large")).await.unwrap().0);
        test.execute("
            INSERT INTO conversations (tenant_id, conversation_id, agent_key, pool, next_seq, last_available_at, created_at)
            VALUES ('mia', 'c', 'default', 'large', 1, 0, 0)").await;
        let error = configure(&test, &mia, pool("small")).await.unwrap_err();
        assert!(matches!(error, WorkspaceError::PoolFixed(_)));
        assert!(!configure(&test, &mia, pool("large")).await.unwrap().0);
    }
}
