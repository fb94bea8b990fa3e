//! The compiler as a process of its own, through the real program.

use super::fixture::{component_bytes, egress, hostile_skill, signer, target};
use agent_factory::config::Limits;
use agent_factory::engine::{CompileError, Compiler, ComponentHost, ComponentKind};
use std::sync::Arc;

fn compiler(limits: Limits) -> Compiler {
    let program = target().join("debug").join("agent-factory");
    Compiler { program, limits }
}

#[tokio::test]
async fn the_process_makes_what_this_host_loads() {
    let bytes = component_bytes("hostile-skill");
    let compiler = compiler(Limits::default());
    let described = compiler
        .compile(ComponentKind::Skill, &bytes)
        .await
        .unwrap();
    assert_eq!(described.tools, hostile_skill().tools);
    let artifact = Arc::new(signer().sign(described.code));
    let host = ComponentHost::new(Limits::default(), signer().verifier(), egress()).unwrap();
    assert_eq!(artifact.compatibility, host.compatibility());
    host.load_skill(&artifact).await.unwrap();
}

#[tokio::test]
async fn errors_come_through_as_they_are() {
    let compiler = compiler(Limits::default());
    let error = compiler
        .compile(ComponentKind::Skill, b"nonsense")
        .await
        .unwrap_err();
    assert_eq!(error, CompileError::Text("nonsense".to_owned()));
    let module = wat::parse_str("(module)").unwrap();
    let error = compiler
        .compile(ComponentKind::Engine, &module)
        .await
        .unwrap_err();
    assert_eq!(error, CompileError::CoreModule);
}

#[tokio::test]
async fn a_compiler_out_of_memory_is_an_error_and_no_more() {
    let bytes = component_bytes("hostile-skill");
    let limits = Limits {
        compile_memory_bytes: 4 << 20,
        ..Limits::default()
    };
    let error = compiler(limits)
        .compile(ComponentKind::Skill, &bytes)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("4194304 bytes to compile (compile_memory_bytes)"),
        "{error}"
    );
    assert!(
        compiler(Limits::default())
            .compile(ComponentKind::Skill, &bytes)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_compiler_out_of_time_is_ended() {
    let bytes = component_bytes("hostile-skill");
    let limits = Limits {
        compile_ms: 1,
        ..Limits::default()
    };
    let error = compiler(limits)
        .compile(ComponentKind::Skill, &bytes)
        .await
        .unwrap_err();
    assert_eq!(error, CompileError::TimedOut(1));
}

#[tokio::test]
async fn a_missing_program_is_the_hosts_fault() {
    let program = "/nonexistent/agent-factory".into();
    let limits = Limits::default();
    let compiler = Compiler { program, limits };
    let error = compiler
        .compile(ComponentKind::Skill, b"")
        .await
        .unwrap_err();
    assert!(matches!(error, CompileError::Unavailable(_)), "{error}");
}

/// Bits of `flags` in `/proc/.../fdinfo`, octal: the descriptor is closed for every program the process starts.
#[cfg(target_os = "linux")]
const CLOSED_ON_EXEC: u32 = 0o2_000_000;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_was_left_open_for_the_program_is_closed_for_its_compiler() {
    let program = target().join("debug").join("agent-factory");
    // It waits for a component, as it is when its first instruction of its own has long run.
    let mut child = tokio::process::Command::new("sh")
        .args([
            "-c",
            "exec 9</dev/null && exec \"$0\" compile-component --kind skill --limits '{}'",
        ])
        .arg(program)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let info = format!("/proc/{}/fdinfo/9", child.id().unwrap());
    let closed = || {
        let text = std::fs::read_to_string(&info).ok()?;
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
        u32::from_str_radix(flags.trim(), 8).ok()
    };
    let closing = async {
        while closed().is_none_or(|flags| flags & CLOSED_ON_EXEC == 0) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let patience = std::time::Duration::from_secs(60);
    let closing = tokio::time::timeout(patience, closing).await;
    closing.expect("the program closes it for others");
    // It goes on once it has its component, or none.
    drop(child.stdin.take());
    child.wait().await.unwrap();
}
