//! What turns leave behind.

use agent_factory::queue::MessageState;
use agent_factory_tests::built;
use agent_factory_tests::factory::Factory;
use agent_factory_tests::{on_either, plane_cases};

plane_cases! {
    async fn a_turns_receipts_history_and_memory_are_stored_with_its_completion(factory) {
        factory
            .agent("ada", "hostile-engine", &built::demo_workspace())
            .await;
        let _worker = factory.work();
        factory
            .ask("ada", "chat", "remember the bread needs salt")
            .await;
        let note = scalar(
            &factory,
            "SELECT content FROM workspace_documents WHERE path = 'memory/2023-11-14.md'",
        );
        assert_eq!(note.await, "the bread needs salt\n");
        let receipts = scalar(&factory, "SELECT CAST(count(*) AS TEXT) FROM receipts");
        assert_eq!(receipts.await, "1");
        // The next turn's prompt has the note.
        let described = factory.ask("ada", "chat", "describe").await;
        assert!(described.contains("memory/2023-11-14.md"), "{described}");
    }

    async fn a_hold_keeps_the_messages_in_order_until_somebody_resumes_the_agent(factory) {
        factory
            .agent("ada", "hostile-engine", &built::demo_workspace())
            .await;
        let _worker = factory.work();
        let held = factory.enqueue("ada", "chat", "hold the key is bad").await;
        let status = factory
            .await_status("ada", &held, |status| {
                matches!(&status.state, MessageState::Queued { held: Some(_), .. })
            })
            .await;
        assert_eq!(status.attempts, 0, "a hold spends no attempt");
        let MessageState::Queued {
            held: Some(reason), ..
        } = status.state
        else {
            unreachable!()
        };
        assert_eq!(reason, "the key is bad");
        let waiting = factory.enqueue("ada", "other", "echo hello").await;
        assert!(matches!(
            factory.status("ada", &waiting).await.state,
            MessageState::Queued { .. }
        ));
    }

    async fn a_workspace_imported_again_changes_nothing_and_keeps_what_the_agent_wrote(factory) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("memory")).expect("a folder");
        std::fs::write(folder.path().join("SOUL.md"), "Be kind.").expect("a file");
        let note = folder.path().join("memory/2023-11-14.md");
        std::fs::write(&note, "From the folder.\n").expect("a file");
        factory.agent("ada", "hostile-engine", folder.path()).await;
        let worker = factory.work();
        factory.ask("ada", "chat", "remember from the agent").await;
        // The folder's file changes too: both did, and the agent's is kept.
        std::fs::write(&note, "From the folder, changed.\n").expect("a file");
        factory.agent("ada", "hostile-engine", folder.path()).await;
        let sql = "SELECT content FROM workspace_documents WHERE path = 'memory/2023-11-14.md'";
        assert_eq!(
            scalar(&factory, sql).await,
            "From the folder.\nfrom the agent\n"
        );
        let versions = "SELECT CAST(version AS TEXT) FROM workspace_documents WHERE path = 'SOUL.md'";
        assert_eq!(scalar(&factory, versions).await, "1");
        worker.stop().await;
    }

    async fn an_agent_of_a_thousand_notes_still_knows_who_it_is(factory) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("memory")).expect("a folder");
        for name in ["AGENTS.md", "SOUL.md", "MEMORY.md"] {
            std::fs::write(folder.path().join(name), format!("The {name}.")).expect("a file");
        }
        for number in 0..1_000 {
            let note = format!("memory/2023-11-13-{number:04}.md");
            std::fs::write(folder.path().join(note), "A note about bread.").expect("a file");
        }
        factory.agent("ada", "hostile-engine", folder.path()).await;
        let _worker = factory.work();
        let described = factory.ask("ada", "chat", "describe").await;
        for shown in [
            "AGENTS.md",
            "SOUL.md",
            "MEMORY.md",
            "memory/2023-11-13-0999.md",
        ] {
            assert!(described.contains(shown), "no {shown}: {described}");
        }
    }
}

/// One text of the database.
async fn scalar(factory: &Factory, sql: &'static str) -> String {
    let text: Result<String, agent_factory::store::StoreError> = factory
        .db()
        .read(move |tx| {
            Box::pin(async move {
                let text = on_either!(tx, |conn| sqlx::query_scalar(sql).fetch_one(conn).await);
                Ok(text?)
            })
        })
        .await;
    text.expect("a row")
}
