//! One document at a time.

use super::fixture::{BOUNDS, agent, content_version};
use agent_factory::store::StoreError;
use agent_factory::workspace::{
    self, AgentId, DocumentPut, Overwrite, WorkspaceError, document_put,
};
use agent_factory_tests::database::TestDatabase;
use agent_factory_tests::store_cases;

async fn put(
    test: &TestDatabase,
    agent: &AgentId,
    path: &str,
    text: &str,
    overwrite: Overwrite,
) -> Result<DocumentPut, WorkspaceError> {
    let (agent, path, text) = (agent.clone(), path.parse().unwrap(), text.to_owned());
    test.db
        .write(move |tx| {
            Box::pin(
                async move { document_put(tx, &agent, &BOUNDS, &path, &text, overwrite).await },
            )
        })
        .await
}

async fn content(test: &TestDatabase, agent: &AgentId, path: &str) -> Option<String> {
    let (agent, path) = (agent.clone(), path.parse().unwrap());
    let found: Result<_, StoreError> = test
        .db
        .read(move |tx| Box::pin(async move { workspace::document(tx, &agent, &path).await }))
        .await;
    found.unwrap().map(|(_, text)| text)
}

async fn delete(test: &TestDatabase, agent: &AgentId, path: &str) -> bool {
    let (agent, path) = (agent.clone(), path.parse().unwrap());
    let deleted: Result<bool, WorkspaceError> = test
        .db
        .write(move |tx| {
            Box::pin(async move { workspace::document_delete(tx, &agent, &path).await })
        })
        .await;
    deleted.unwrap()
}

const CHANGED: fn(i64) -> DocumentPut = |version| DocumentPut {
    changed: true,
    kept: false,
    version,
};

store_cases! {
    async fn the_same_text_again_changes_nothing(test) {
        let mia = agent(&test, "mia").await;
        let first = put(&test, &mia, "SOUL.md", "Kind.", Overwrite::Always).await.unwrap();
        assert_eq!(first, CHANGED(1));
        let before = content_version(&test).await;
        let again = put(&test, &mia, "SOUL.md", "Kind.", Overwrite::Always).await.unwrap();
        assert_eq!(again, DocumentPut { changed: false, kept: false, version: 1 });
        assert_eq!(content_version(&test).await, before, "the compiled prompt stays");
        let other = put(&test, &mia, "SOUL.md", "Stern.", Overwrite::Always).await.unwrap();
        assert_eq!(other, CHANGED(2));
        assert!(content_version(&test).await > before);
    }

    async fn what_the_agent_wrote_is_kept_where_that_is_asked_for(test) {
        let mia = agent(&test, "mia").await;
        put(&test, &mia, "MEMORY.md", "one", Overwrite::Always).await.unwrap();
        test.execute("UPDATE workspace_documents SET content = 'own', content_hash = 'own'").await;
        let kept = put(&test, &mia, "MEMORY.md", "two", Overwrite::UnlessTheAgentWrote).await.unwrap();
        assert!(kept.kept && !kept.changed);
        assert_eq!(content(&test, &mia, "MEMORY.md").await.unwrap(), "own");
        let always = put(&test, &mia, "MEMORY.md", "two", Overwrite::Always).await.unwrap();
        assert!(always.changed);
        assert_eq!(content(&test, &mia, "MEMORY.md").await.unwrap(), "two");
        let again = put(&test, &mia, "MEMORY.md", "three", Overwrite::UnlessTheAgentWrote).await.unwrap();
        assert!(again.changed, "it is the file's again");
    }

    async fn documents_are_accepted_at_their_bounds_and_refused_beyond_them(test) {
        let mia = agent(&test, "mia").await;
        let long = "x".repeat(200);
        for path in ["A.md", "B.md", "C.md"] {
            put(&test, &mia, path, &long, Overwrite::Always).await.unwrap();
        }
        let error = put(&test, &mia, "D.md", "x", Overwrite::Always).await.unwrap_err();
        assert_eq!(error.to_string(), "documents: at most 3 (uploads.documents)");
        let error = put(&test, &mia, "A.md", &"x".repeat(201), Overwrite::Always).await.unwrap_err();
        assert!(error.to_string().contains("at most 200 (uploads.document_bytes)"), "{error}");
        // One that is there may always be replaced, and room made.
        put(&test, &mia, "C.md", "y", Overwrite::Always).await.unwrap();
        assert!(delete(&test, &mia, "C.md").await);
        assert!(!delete(&test, &mia, "C.md").await);
        put(&test, &mia, "D.md", "x", Overwrite::Always).await.unwrap();
    }

    async fn a_path_out_of_the_workspace_and_a_text_of_zeros_are_refused(test) {
        let mia = agent(&test, "mia").await;
        for path in ["../SOUL.md", "/SOUL.md", "memory//x.md", "./x.md"] {
            let error = put(&test, &mia, path, "x", Overwrite::Always).await.unwrap_err();
            assert!(matches!(error, WorkspaceError::DocumentPath(_)), "{path}: {error}");
        }
        let error = put(&test, &mia, "SOUL.md", "\0", Overwrite::Always).await.unwrap_err();
        assert!(matches!(error, WorkspaceError::NotText(_)));
    }

    async fn another_tenants_documents_are_not_there(test) {
        let (mia, tom) = (agent(&test, "mia").await, agent(&test, "tom").await);
        put(&test, &mia, "SOUL.md", "Kind.", Overwrite::Always).await.unwrap();
        assert_eq!(content(&test, &tom, "SOUL.md").await, None);
        assert!(!delete(&test, &tom, "SOUL.md").await);
        assert_eq!(content(&test, &mia, "SOUL.md").await.unwrap(), "Kind.");
    }
}
