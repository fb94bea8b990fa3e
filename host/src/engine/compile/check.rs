//! What can be told of a component without running it.

use super::scan::Surface;
use super::{CompileError, ComponentKind, PACKAGE, VERSION};
use crate::config::Limits;
use crate::engine::capabilities::WASI;
use crate::engine::log::cut;
use wasmtime::component::Component;

/// Names of exports or imports in an error.
const NAMES: usize = 8;
/// A page of linear memory, bytes.
const PAGE: u64 = 64 << 10;
/// How much of a file is looked at to tell a text, bytes.
const TEXT: usize = 512;
/// How much of a text is quoted, bytes.
const TEXT_SHOWN: usize = 60;
/// The version of WASI that is linked; components may ask for any of its track.
const WASI_VERSION: &str = "0.2.0";

/// The first bytes tell a component from all else that people bring by mistake.
pub(super) fn check_header(bytes: &[u8]) -> Result<(), CompileError> {
    match bytes {
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => return Ok(()),
        [0, b'a', b's', b'm', _, _, 0, 0, ..] => return Err(CompileError::CoreModule),
        [] => return Err(CompileError::Empty),
        [0x7f, b'E', b'L', b'F', ..] => return Err(CompileError::CompiledCode),
        _ if b"\0asm".starts_with(bytes.get(..4).unwrap_or(bytes)) => {
            return Err(CompileError::CutOff(bytes.len()));
        }
        _ => {}
    }
    let beginning = bytes.get(..TEXT).unwrap_or(bytes);
    // A text may be cut in the middle of a character here.
    let text = match std::str::from_utf8(beginning) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => beginning
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok()),
        Err(_) => None,
    };
    match text.map(str::trim_start) {
        Some(text) if text.starts_with("(component") || text.starts_with("(module") => {
            Err(CompileError::WebAssemblyText)
        }
        Some(text) if !text.contains('\0') => Err(CompileError::Text(
            cut(text.lines().next().unwrap_or_default(), TEXT_SHOWN).to_owned(),
        )),
        _ => Err(CompileError::NotAComponent(
            "it does not begin like one".to_owned(),
        )),
    }
}

/// What a parser says of bytes that began like a component.
pub(super) fn broken(bytes: &[u8], error: &wasmparser::BinaryReaderError) -> CompileError {
    // The parser has no other sign for it.
    if error.message().starts_with("unexpected end") {
        return CompileError::CutOff(bytes.len());
    }
    let text = error.to_string().replace('\n', " ");
    CompileError::NotAComponent(cut(&text, 600).to_owned())
}

/// The interface of the guest contract that a name is of, whatever its version.
fn interface_of(name: &str) -> Option<&str> {
    let (path, _) = name.split_once('@')?;
    path.strip_prefix(PACKAGE)?.strip_prefix('/')
}

/// Whether a name's version can be served by that of `offered`: they are on one track, `1` of 1.2.3 and `0.2` of 0.2.3.
/// Whether all of its functions are there is the linker's to say.
fn is_served(name: &str, offered: &str) -> bool {
    let track = |version: &str| -> Option<(u64, u64)> {
        // A pre-release is served by itself alone.
        let (major, rest) = version.split_once('.')?;
        let (minor, patch) = rest.split_once('.')?;
        patch.parse::<u64>().ok()?;
        match (major.parse().ok()?, minor.parse().ok()?) {
            (0, minor) => Some((0, minor)),
            (major, _) => Some((major, 0)),
        }
    };
    let asked = name.split_once('@').map(|(_, version)| version);
    asked
        .and_then(track)
        .is_some_and(|asked| Some(asked) == track(offered))
}

pub(super) fn check_exports(kind: ComponentKind, surface: &Surface) -> Result<(), CompileError> {
    let exports = &surface.exports;
    let has = |kind: ComponentKind| {
        let interface = kind.export();
        exports
            .iter()
            .any(|name| interface_of(name) == Some(interface))
    };
    let interface = kind.export();
    if has(ComponentKind::Skill) && has(ComponentKind::Engine) {
        return Err(CompileError::BothKinds);
    }
    if has(kind) {
        return Ok(());
    }
    let missing = format!("{PACKAGE}/{interface}@{VERSION}");
    let exports = list(exports);
    Err(CompileError::LacksExport { missing, exports })
}

pub(super) fn check_imports(kind: ComponentKind, surface: &Surface) -> Result<(), CompileError> {
    for import in &surface.imports {
        let wasi = WASI.iter().any(|package| import.starts_with(package));
        let ours = interface_of(import).is_some_and(|name| kind.capabilities().contains(&name));
        let offered = if wasi { WASI_VERSION } else { VERSION };
        if (wasi || ours) && is_served(import, offered) {
            continue;
        }
        if wasi || ours {
            return Err(CompileError::OtherVersion {
                import: cut(import, 200).to_owned(),
                offered: offered.to_owned(),
            });
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
