//! What cargo knows about this workspace: where it is, where it builds to, which guests it has.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo;

/// The workspace as `cargo metadata` describes it.
pub(crate) struct Workspace {
    /// Folder of the top `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo builds to; honours `CARGO_TARGET_DIR`.
    pub(crate) target: PathBuf,
    /// Packages that are built as WebAssembly components.
    pub(crate) guests: Vec<Guest>,
}

/// A package that is built as a WebAssembly component.
pub(crate) struct Guest {
    /// Name of the package.
    pub(crate) package: String,
    /// What the component is for.
    pub(crate) role: Role,
}

/// What a guest is for, told by the folder it lives in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// An engine adapter we ship.
    Engine,
    /// A skill that we ship, or show as an example.
    Skill,
    /// A component that only the tests load.
    Test,
}

impl Role {
    /// The role of packages in `folder`, relative to the root; none for packages that are no guests.
    fn of(folder: &Path) -> Option<Self> {
        [
            ("guests/engines", Self::Engine),
            ("guests/skills", Self::Skill),
            ("examples", Self::Skill),
            ("tests/components", Self::Test),
        ]
        .into_iter()
        .find_map(|(parent, role)| folder.starts_with(parent).then_some(role))
    }
}

impl Guest {
    /// Where cargo leaves the component.
    pub(crate) fn built(&self, workspace: &Workspace) -> PathBuf {
        let file = format!("{}.wasm", self.package.replace('-', "_"));
        workspace.target.join("wasm32-wasip2/guest").join(file)
    }

    /// Where the program and the tests look for it.
    pub(crate) fn published(&self, workspace: &Workspace) -> PathBuf {
        workspace
            .target
            .join("guests")
            .join(format!("{}.wasm", self.package))
    }
}

impl Workspace {
    /// Asks cargo about the workspace this program was built from.
    ///
    /// # Errors
    /// Fails when cargo cannot read the workspace.
    pub(crate) fn discover() -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = cargo::command(here);
        command
            .args([
                "metadata",
                "--format-version",
                "1",
                "--no-deps",
                "--offline",
            ])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::inherit());
        let output = command.output().context("start `cargo metadata`")?;
        ensure!(
            output.status.success(),
            "`cargo metadata` failed ({})",
            output.status
        );
        let metadata = serde_json::from_slice(&output.stdout).context("read `cargo metadata`")?;
        Self::from_metadata(&metadata).context("`cargo metadata` lacks a field this needs")
    }

    fn from_metadata(metadata: &Value) -> Option<Self> {
        let root = PathBuf::from(metadata.get("workspace_root")?.as_str()?);
        let target = PathBuf::from(metadata.get("target_directory")?.as_str()?);
        let mut guests = Vec::new();
        for package in metadata.get("packages")?.as_array()? {
            let manifest = Path::new(package.get("manifest_path")?.as_str()?);
            let role = manifest.strip_prefix(&root).ok().and_then(Role::of);
            if let Some(role) = role {
                let package = package.get("name")?.as_str()?.to_owned();
                guests.push(Guest { package, role });
            }
        }
        guests.sort_by(|a, b| a.package.cmp(&b.package));
        Some(Self {
            root,
            target,
            guests,
        })
    }

    /// A program of this workspace as the dev profile builds it.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target
            .join("debug")
            .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Role, Workspace};

    #[test]
    fn guests_are_told_by_their_folder_and_published_under_their_package_name() {
        let metadata = json!({
            "workspace_root": "/w",
            "target_directory": "/t",
            "packages": [
                {"name": "agent-factory", "manifest_path": "/w/host/Cargo.toml"},
                {"name": "agent-factory-sdk", "manifest_path": "/w/guests/sdk/Cargo.toml"},
                {"name": "notes", "manifest_path": "/w/guests/skills/notes/Cargo.toml"},
                {"name": "offline", "manifest_path": "/w/guests/engines/offline/Cargo.toml"},
                {"name": "hostile-skill", "manifest_path": "/w/tests/components/hostile-skill/Cargo.toml"},
            ],
        });

        let workspace = Workspace::from_metadata(&metadata).expect("all fields are there");

        let names: Vec<_> = workspace
            .guests
            .iter()
            .map(|guest| guest.package.as_str())
            .collect();
        assert_eq!(names, ["hostile-skill", "notes", "offline"]);
        let roles: Vec<_> = workspace.guests.iter().map(|guest| guest.role).collect();
        assert!(roles == [Role::Test, Role::Skill, Role::Engine]);
        let hostile = &workspace.guests[0];
        assert!(
            hostile
                .built(&workspace)
                .ends_with("wasm32-wasip2/guest/hostile_skill.wasm")
        );
        assert!(
            hostile
                .published(&workspace)
                .ends_with("guests/hostile-skill.wasm")
        );
    }

    #[test]
    fn metadata_without_packages_is_refused() {
        let metadata = json!({"workspace_root": "/w", "target_directory": "/t"});
        assert!(Workspace::from_metadata(&metadata).is_none());
    }
}
