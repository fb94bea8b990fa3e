//! Compiled code that was changed where it is stored: it never runs, the agent is held for a person, and nobody else is hurt.

use agent_factory::artifacts::{self, CompiledRow};
use agent_factory::domain::Digest;
use agent_factory::engine::{ArtifactSigner, CompiledCode, ComponentKind, Description};
use agent_factory::queue::MessageState;
use agent_factory::store::StoreError;
use agent_factory_tests::factory::Factory;
use agent_factory_tests::{built, factory_cases};

async fn row(factory: &Factory, digest: Digest) -> CompiledRow {
    let platform = factory.app().admission.platform().clone();
    let read: Result<_, StoreError> = factory
        .db()
        .read(move |tx| Box::pin(async move { artifacts::compiled(tx, digest, &platform).await }))
        .await;
    read.expect("an answer").expect("compiled code")
}

async fn store(factory: &Factory, digest: Digest, row: CompiledRow) {
    let platform = factory.app().admission.platform().clone();
    let written: Result<(), StoreError> = factory
        .db()
        .write(move |tx| {
            Box::pin(async move {
                let now = tx.now().await?;
                artifacts::put_compiled(tx, now, digest, &platform, &row).await
            })
        })
        .await;
    written.expect("a write");
}

/// What somebody who can write to the database makes of the row, given another component's.
type Change = fn(&mut CompiledRow, &CompiledRow, Digest);

fn flip(row: &mut CompiledRow, _: &CompiledRow, _: Digest) {
    let middle = row.bytes.len() / 2;
    row.bytes[middle] ^= 1;
}

fn swap(row: &mut CompiledRow, other: &CompiledRow, _: Digest) {
    row.bytes.clone_from(&other.bytes);
}

/// Another component's code with its own signature, which is whole.
fn swap_whole(row: &mut CompiledRow, other: &CompiledRow, _: Digest) {
    row.clone_from(other);
}

fn unsign(row: &mut CompiledRow, _: &CompiledRow, _: Digest) {
    row.signature = vec![0; 64];
}

fn redescribe(row: &mut CompiledRow, _: &CompiledRow, _: Digest) {
    row.description = Description::of(ComponentKind::Skill, &[]).to_string();
}

fn sign_by_another(row: &mut CompiledRow, other: &CompiledRow, digest: Digest) {
    let code = CompiledCode {
        component: digest,
        compatibility: String::new(),
        target: String::new(),
        description: Description::of(ComponentKind::Engine, &[]),
        bytes: other.bytes.clone(),
    };
    let signed = ArtifactSigner::from_seed([1; 32]).sign(code);
    row.signature = signed.signature.to_vec();
    row.bytes = signed.bytes;
}

factory_cases! {
    async fn code_that_was_changed_in_the_database_is_not_run_and_nobody_else_is_hurt(factory) {
        let demo = built::demo_workspace();
        factory.agent("ada", "hostile-engine", &demo).await;
        factory.agent("bob", "offline", &demo).await;
        let engine = Digest::of(&built::guest_bytes("hostile-engine"));
        let (honest, other) = (
            row(&factory, engine).await,
            row(&factory, Digest::of(&built::guest_bytes("offline"))).await,
        );
        let changes: [Change; 6] = [flip, swap, swap_whole, unsign, redescribe, sign_by_another];
        for (change, seed) in changes.into_iter().zip(2..) {
            let mut changed = honest.clone();
            change(&mut changed, &other, engine);
            store(&factory, engine, changed).await;
            // A process that has loaded nothing yet, and has no compiler.
            let cold = factory.cold_as(seed).await;
            let worker = cold.work();
            let message = cold.enqueue("ada", "chat", "echo hello").await;
            let held = cold
                .await_status("ada", &message, |status| {
                    matches!(&status.state, MessageState::Queued { held: Some(_), .. })
                })
                .await;
            let MessageState::Queued { held: Some(reason), .. } = held.state else { unreachable!() };
            assert!(reason.contains("does not hold") && reason.contains(&engine.to_string()), "{reason}");
            let answer = cold.ask("bob", "chat", "calculate 6 * 7").await;
            assert!(answer.contains("42"), "{answer}");
            // Put right, the message that waited is answered: nothing was lost.
            store(&factory, engine, honest.clone()).await;
            cold.resume("ada").await;
            cold.await_status("ada", &message, |status| matches!(status.state, MessageState::Done { .. }))
                .await;
            assert_eq!(cold.reply("ada", &message).await, "hello");
            worker.stop().await;
        }
    }
}
