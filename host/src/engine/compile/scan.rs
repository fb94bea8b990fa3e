//! What a component says of itself before it is compiled: its imports and exports.
//!
//! Read from the bytes alone, so that what is refused for its imports costs no compiler, however large it is.

use super::CompileError;
use super::check;
use wasmparser::{Parser, Payload};

/// Imports or exports of one component.
const NAMES: usize = 1_000;

/// Names at the top of a component.
#[derive(Debug, Default)]
pub(super) struct Surface {
    /// What it asks for.
    pub(super) imports: Vec<String>,
    /// What it offers.
    pub(super) exports: Vec<String>,
}

/// Read the names; what is inside of the component's own modules and components is not looked at.
pub(super) fn surface(bytes: &[u8]) -> Result<Surface, CompileError> {
    let broken = |error: &wasmparser::BinaryReaderError| check::broken(bytes, error);
    let mut surface = Surface::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| broken(&error))? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                depth = depth.saturating_add(1);
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(|error| broken(&error))?;
                    push(&mut surface.imports, import.name.name)?;
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.map_err(|error| broken(&error))?;
                    push(&mut surface.exports, export.name.name)?;
                }
            }
            _ => {}
        }
    }
    Ok(surface)
}

fn push(names: &mut Vec<String>, name: &str) -> Result<(), CompileError> {
    if names.len() >= NAMES {
        return Err(CompileError::NotAComponent(format!(
            "it has more than {NAMES} imports or exports"
        )));
    }
    names.push(name.to_owned());
    Ok(())
}
