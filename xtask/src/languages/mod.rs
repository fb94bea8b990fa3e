//! The guests of `examples/` that are written in JavaScript or Python, built as their READMEs say.
//!
//! Each is copied beside the contract into the target folder and built there, by tools that are installed there,
//! too: nothing is installed for the whole machine, and no file appears among the sources. A build takes ten seconds and
//! more, so what came of it is kept under a digest of everything it was made of, and never made again.
//!
//! Where the tools are missing, the guests are left out and so are their tests, both loudly; where `CI` is set, that is an error.

mod cache;
mod inputs;
mod tools;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::guests::copy_if_different;
use crate::workspace::Workspace;
use inputs::Inputs;
use tools::{Installed, Language};

/// A folder of `examples/` that is built by the tools of its language.
struct LanguageGuest {
    /// The folder, and the component.
    name: String,
    language: Language,
}

/// Builds whatever changed, and publishes all of it in `<target folder>/guests` and the skill folders.
///
/// # Errors
/// Fails when a build fails; and where tools are missing though `CI` is set.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let must = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let mut missing = Vec::new();
    for guest in discover(workspace)? {
        if let Err(why) = guest.provide(workspace) {
            match why.downcast_ref::<tools::Missing>() {
                Some(tool) if !must => missing.push((guest.name, tool.to_string())),
                _ => return Err(why.context(format!("build {}", guest.name))),
            }
        }
    }
    for (name, why) in missing {
        eprintln!("xtask: WARNING: {name} is NOT BUILT and not tested: {why}");
    }
    Ok(())
}

/// Which folders there are, in the order of their names.
fn discover(workspace: &Workspace) -> Result<Vec<LanguageGuest>> {
    let examples = workspace.root.join("examples");
    let mut guests = Vec::new();
    let entries =
        fs::read_dir(&examples).with_context(|| format!("list {}", examples.display()))?;
    for entry in entries {
        let folder = entry?.path();
        let language = Language::of(&folder);
        let name = folder.file_name().and_then(|name| name.to_str());
        if let (Some(language), Some(name)) = (language, name) {
            let name = name.to_owned();
            guests.push(LanguageGuest { name, language });
        }
    }
    guests.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(guests)
}

impl LanguageGuest {
    fn provide(&self, workspace: &Workspace) -> Result<()> {
        let inputs = Inputs::read(&workspace.root, &self.name)?;
        let published = workspace
            .target
            .join("guests")
            .join(format!("{}.wasm", self.name));
        let folder = workspace.target.join("languages");
        let cached = cache::path(&folder, &self.name, inputs.digest());
        if !cached.is_file() {
            // Nobody should test what the sources no longer say.
            fs::remove_file(&published).ok();
            let installed = tools::install(&folder, &inputs, self.language)?;
            let component = self.make(&folder, &inputs, &installed)?;
            cache::keep(&component, &cached)?;
        }
        copy_if_different(&cached, &published)?;
        eprintln!("xtask: {}", published.display());
        let example = workspace.root.join("examples").join(&self.name);
        let placed = example.join("scripts").join(format!("{}.wasm", self.name));
        copy_if_different(&cached, &placed)
    }

    /// Run its tests, then its build, in a copy.
    fn make(&self, folder: &Path, inputs: &Inputs, installed: &Installed) -> Result<PathBuf> {
        let stage = folder.join("stage").join(&self.name);
        if stage.exists() {
            fs::remove_dir_all(&stage).with_context(|| format!("remove {}", stage.display()))?;
        }
        inputs.copy_to(&stage)?;
        let example = stage.join("examples").join(&self.name);
        fs::create_dir_all(example.join("scripts"))?;
        installed.link_into(&example)?;
        for command in self.language.steps() {
            self.run(command, &example, installed)?;
        }
        let component = example.join("scripts").join(format!("{}.wasm", self.name));
        ensure!(
            component.is_file(),
            "the build made no {}",
            component.display()
        );
        Ok(component)
    }

    /// What it prints is shown where it fails; on success it is noise.
    fn run(&self, words: &[&str], folder: &Path, installed: &Installed) -> Result<()> {
        let spelled = words.join(" ");
        eprintln!("xtask: {}: {spelled}", self.name);
        let [program, arguments @ ..] = words else {
            bail!("no command")
        };
        let output = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .env("PATH", path_with(&installed.programs)?)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("start `{spelled}`"))?;
        if !output.status.success() {
            eprint!("{}", String::from_utf8_lossy(&output.stdout));
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            bail!("`{spelled}` failed ({})", output.status);
        }
        Ok(())
    }
}

/// `PATH` with one folder before all others.
fn path_with(first: &Path) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(first.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).context("a folder's name does not fit into PATH")
}
