//! Engines by name, version and digest.

use super::fixture::agent;
use agent_factory::domain::{Digest, TenantId};
use agent_factory::store::StoreError;
use agent_factory::workspace::{
    self, AgentId, Configure, Engine, EngineBounds, EngineChoice, EngineOwner, NewEngine,
    WorkspaceError,
};
use agent_factory_tests::database::TestDatabase;
use agent_factory_tests::store_cases;

const BOUNDS: EngineBounds = EngineBounds {
    engines: 2,
    versions: 2,
};

async fn put(
    test: &TestDatabase,
    owner: EngineOwner,
    name: &str,
    component: &[u8],
) -> Result<(bool, i64), WorkspaceError> {
    let engine = NewEngine {
        name: name.parse().unwrap(),
        description: "An engine.".to_owned(),
        component: component.to_vec().into(),
    };
    test.db
        .write(move |tx| {
            Box::pin(async move { workspace::engine_put(tx, &owner, &engine, BOUNDS).await })
        })
        .await
}

async fn choose(
    test: &TestDatabase,
    agent: &AgentId,
    engine: EngineChoice,
) -> Result<Digest, WorkspaceError> {
    let agent = agent.clone();
    let wanted = Configure {
        engine: Some(engine),
        ..Configure::default()
    };
    test.db
        .write(move |tx| {
            Box::pin(async move {
                let (_, profile) = workspace::agent_configure(tx, &agent, &wanted).await?;
                Ok(profile.engine)
            })
        })
        .await
}

async fn list(test: &TestDatabase, tenant: &TenantId) -> Vec<Engine> {
    let tenant = tenant.clone();
    let found: Result<_, StoreError> = test
        .db
        .read(move |tx| Box::pin(async move { workspace::engines(tx, &tenant).await }))
        .await;
    found.unwrap()
}

fn named(name: &str) -> EngineChoice {
    EngineChoice::Named(name.parse().unwrap())
}

fn of(bytes: &[u8]) -> EngineChoice {
    EngineChoice::Digest(Digest::of(bytes))
}

store_cases! {
    async fn a_tenants_own_engine_comes_before_the_operators_of_the_same_name(test) {
        let mia = agent(&test, "mia").await;
        put(&test, EngineOwner::Operator, "chat", b"shared").await.unwrap();
        assert_eq!(choose(&test, &mia, named("chat")).await.unwrap(), Digest::of(b"shared"));
        put(&test, EngineOwner::Tenant(mia.tenant_id.clone()), "chat", b"own").await.unwrap();
        assert_eq!(choose(&test, &mia, named("chat")).await.unwrap(), Digest::of(b"own"));
        assert_eq!(choose(&test, &mia, of(b"shared")).await.unwrap(), Digest::of(b"shared"));
    }

    async fn another_tenants_engine_is_not_granted_by_its_digest_or_name(test) {
        let (mia, tom) = (agent(&test, "mia").await, agent(&test, "tom").await);
        put(&test, EngineOwner::Tenant(mia.tenant_id.clone()), "chat", b"own").await.unwrap();
        for choice in [named("chat"), of(b"own")] {
            let error = choose(&test, &tom, choice).await.unwrap_err();
            assert!(matches!(error, WorkspaceError::EngineMissing(_)), "{error}");
        }
        assert!(list(&test, &tom.tenant_id).await.is_empty());
    }

    async fn the_same_engine_again_is_no_new_version_and_old_ones_go_unless_used(test) {
        let mia = agent(&test, "mia").await;
        let own = || EngineOwner::Tenant(mia.tenant_id.clone());
        assert_eq!(put(&test, own(), "chat", b"1").await.unwrap(), (true, 1));
        assert_eq!(put(&test, own(), "chat", b"1").await.unwrap(), (false, 1));
        choose(&test, &mia, named("chat")).await.unwrap();
        for (version, component) in [(2, b"2"), (3, b"3"), (4, b"4")] {
            assert_eq!(put(&test, own(), "chat", component).await.unwrap(), (true, version));
        }
        let versions: Vec<_> = list(&test, &mia.tenant_id).await.iter().map(|e| e.version).collect();
        assert_eq!(versions, [4, 3, 1], "the first is used");
        // Rolled back.
        assert_eq!(choose(&test, &mia, of(b"3")).await.unwrap(), Digest::of(b"3"));
        assert!(matches!(choose(&test, &mia, of(b"2")).await, Err(WorkspaceError::EngineMissing(_))));
    }

    async fn engines_are_accepted_at_their_bound_and_refused_beyond_it(test) {
        let mia = agent(&test, "mia").await;
        let own = || EngineOwner::Tenant(mia.tenant_id.clone());
        put(&test, own(), "one", b"1").await.unwrap();
        put(&test, own(), "two", b"1").await.unwrap();
        let error = put(&test, own(), "three", b"1").await.unwrap_err();
        assert_eq!(error.to_string(), "engines: at most 2 (uploads.engines)");
        put(&test, own(), "two", b"2").await.unwrap();
    }

    async fn an_engine_of_a_tenant_that_is_not_there_is_refused(test) {
        let nobody = EngineOwner::Tenant("nobody".parse().unwrap());
        let error = put(&test, nobody, "chat", b"1").await.unwrap_err();
        assert!(matches!(error, WorkspaceError::TenantMissing(_)));
    }
}
