//! What can be told of a component without running it.

use super::{CompileError, ComponentKind, PACKAGE, VERSION};
use crate::config::Limits;
use crate::engine::capabilities::WASI;
use crate::engine::log::cut;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Names of exports or imports in an error.
const NAMES: usize = 8;
/// A page of linear memory, bytes.
const PAGE: u64 = 64 << 10;

/// The first eight bytes tell a component, a core module and anything else apart.
pub(super) fn check_header(bytes: &[u8]) -> Result<(), CompileError> {
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => Err(CompileError::CoreModule),
        _ => {
            let text = "it does not begin like one";
            Err(CompileError::NotAComponent(text.to_owned()))
        }
    }
}

/// The interface of the guest contract that a name is of, whatever its version: which versions fit
/// is the linker's to say.
fn interface_of(name: &str) -> Option<&str> {
    let (path, _) = name.split_once('@')?;
    path.strip_prefix(PACKAGE)?.strip_prefix('/')
}

pub(super) fn check_exports(
    kind: ComponentKind,
    engine: &Engine,
    component: &Component,
) -> Result<(), CompileError> {
    let component = component.component_type();
    let exports: Vec<String> = component
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    let interface = kind.export();
    if exports
        .iter()
        .any(|name| interface_of(name) == Some(interface))
    {
        return Ok(());
    }
    let missing = format!("{PACKAGE}/{interface}@{VERSION}");
    let exports = list(&exports);
    Err(CompileError::LacksExport { missing, exports })
}

pub(super) fn check_imports(
    kind: ComponentKind,
    engine: &Engine,
    component: &Component,
) -> Result<(), CompileError> {
    for (import, _) in component.component_type().imports(engine) {
        let wasi = WASI.iter().any(|package| import.starts_with(package));
        if wasi || interface_of(import).is_some_and(|name| kind.capabilities().contains(&name)) {
            continue;
        }
        let packages = WASI.map(|package| package.trim_end_matches('/')).join(", ");
        let interfaces = kind.capabilities().join(", ");
        return Err(CompileError::UnknownImport {
            import: cut(import, 200).to_owned(),
            kind,
            allowed: format!("{interfaces} of {PACKAGE}@{VERSION}, and {packages} 0.2"),
        });
    }
    Ok(())
}

/// What can be known before instantiating it.
pub(super) fn check_resources(component: &Component, limits: &Limits) -> Result<(), CompileError> {
    let too_much = |text: String| Err(CompileError::DoesNotFit(text));
    let Some(needs) = component.resources_required() else {
        return too_much("it imports modules or components".to_owned());
    };
    if needs.num_memories > limits.memories {
        return too_much(format!(
            "it has {} memories, more than {} (memories)",
            needs.num_memories, limits.memories
        ));
    }
    if needs.num_tables > limits.tables {
        return too_much(format!(
            "it has {} tables, more than {} (tables)",
            needs.num_tables, limits.tables
        ));
    }
    let memory = needs
        .max_initial_memory_size
        .unwrap_or(0)
        .saturating_mul(PAGE);
    if memory > limits.memory_bytes {
        return too_much(format!(
            "it begins with {memory} bytes of memory, more than {} (memory_bytes)",
            limits.memory_bytes
        ));
    }
    let elements = needs.max_initial_table_size.unwrap_or(0);
    if elements > u64::from(limits.table_elements) {
        return too_much(format!(
            "it begins with {elements} table elements, more than {} (table_elements)",
            limits.table_elements
        ));
    }
    Ok(())
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let shown: Vec<&str> = names
        .iter()
        .take(NAMES)
        .map(|name| cut(name, 100))
        .collect();
    let more = if names.len() > NAMES {
        ", and others"
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
}
