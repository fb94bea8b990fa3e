//! The public tools that make components of JavaScript and Python, installed below the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::inputs::Inputs;

/// What a guest is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// Built by jco, of npm.
    JavaScript,
    /// Built by componentize-py, of PyPI.
    Python,
}

/// A tool that has to be there already is not, or is too old.
#[derive(Debug)]
pub(crate) struct Missing(&'static str);

impl std::fmt::Display for Missing {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.0)
    }
}

impl std::error::Error for Missing {}

/// Tools that are installed.
pub(crate) struct Installed {
    /// Goes before everything else in `PATH`.
    pub(crate) programs: PathBuf,
    /// For the folder of a JavaScript guest.
    modules: Option<PathBuf>,
}

impl Language {
    /// Told by the file that pins the tools; none for a folder of something else.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        if folder.join("package-lock.json").is_file() {
            Some(Self::JavaScript)
        } else if folder.join("requirements.txt").is_file() {
            Some(Self::Python)
        } else {
            None
        }
    }

    /// Its tests and its build, in the guest's folder.
    pub(crate) const fn steps(self) -> [&'static [&'static str]; 2] {
        match self {
            Self::JavaScript => [&["npm", "test"], &["npm", "run", "build"]],
            Self::Python => [
                &["python3", "-m", "unittest", "discover", "-s", "test"],
                &["sh", "build.sh"],
            ],
        }
    }

    /// Files that say what to install.
    const fn pins(self) -> &'static [&'static str] {
        match self {
            Self::JavaScript => &["package.json", "package-lock.json"],
            Self::Python => &["requirements.txt"],
        }
    }

    fn require(self) -> Result<(), Missing> {
        match self {
            Self::JavaScript => {
                let node = "process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)";
                if !runs("node", &["-e", node]) {
                    return Err(Missing("there is no Node.js 20 or newer"));
                }
                if !runs("npm", &["--version"]) {
                    return Err(Missing("there is no npm"));
                }
            }
            Self::Python => {
                let python = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
                if !runs("python3", &["-c", python]) {
                    return Err(Missing("there is no Python 3.10 or newer with venv"));
                }
            }
        }
        Ok(())
    }
}

impl Installed {
    /// Let the guest's folder find what its `package.json` asks for.
    ///
    /// # Errors
    /// Fails when no link can be made.
    pub(crate) fn link_into(&self, folder: &Path) -> Result<()> {
        if let Some(modules) = &self.modules {
            let link = folder.join("node_modules");
            std::os::unix::fs::symlink(modules, &link)
                .with_context(|| format!("link {}", link.display()))?;
        }
        Ok(())
    }
}

/// The tools of `language` as this guest pins them; installed where they are not yet. Guests that pin the same share them.
///
/// # Errors
/// [`Missing`] where what installs them is missing; else when that fails.
pub(crate) fn install(folder: &Path, inputs: &Inputs, language: Language) -> Result<Installed> {
    language.require()?;
    let tools = folder.join("tools").join(key(inputs, language)?);
    let installed = match language {
        Language::JavaScript => Installed {
            programs: tools.join("node_modules/.bin"),
            modules: Some(tools.join("node_modules")),
        },
        Language::Python => Installed {
            programs: tools.join("bin"),
            modules: None,
        },
    };
    let done = tools.join("installed");
    if done.is_file() {
        return Ok(installed);
    }
    eprintln!("xtask: tools for {language:?}, into {}", tools.display());
    if tools.exists() {
        fs::remove_dir_all(&tools).with_context(|| format!("remove {}", tools.display()))?;
    }
    fs::create_dir_all(&tools).with_context(|| format!("create {}", tools.display()))?;
    for name in language.pins() {
        let pinned = inputs.file(name).with_context(|| format!("no {name}"))?;
        fs::write(tools.join(name), pinned)?;
    }
    match language {
        // No package of the tools needs a script of its own to run at installation.
        Language::JavaScript => {
            let options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
            run(&tools, Path::new("npm"), &options)?;
        }
        Language::Python => {
            run(&tools, Path::new("python3"), &["-m", "venv", "."])?;
            let options = ["install", "--quiet", "--disable-pip-version-check", "-r"];
            run(
                &tools,
                &tools.join("bin/pip"),
                &[&options[..], &["requirements.txt"]].concat(),
            )?;
        }
    }
    fs::write(done, "")?;
    Ok(installed)
}

/// What is installed, without whose it is: `package-lock.json` names the guest, too.
fn key(inputs: &Inputs, language: Language) -> Result<String> {
    let mut hash = Sha256::new();
    for name in language.pins() {
        let pinned = inputs.file(name).with_context(|| format!("no {name}"))?;
        match *name {
            "package.json" => {}
            "package-lock.json" => hash.update(packages(pinned)?),
            _ => hash.update(pinned),
        }
    }
    let hex: String = hash
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(format!("{language:?}-{hex}").to_lowercase())
}

fn packages(lock: &[u8]) -> Result<String> {
    let lock: serde_json::Value = serde_json::from_slice(lock).context("read package-lock.json")?;
    let mut packages = lock
        .get("packages")
        .and_then(serde_json::Value::as_object)
        .context("package-lock.json has no packages")?
        .clone();
    packages.remove("");
    Ok(serde_json::Value::Object(packages).to_string())
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn run(folder: &Path, program: &Path, arguments: &[&str]) -> Result<()> {
    let spelled = format!("{} {}", program.display(), arguments.join(" "));
    let status = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .with_context(|| format!("start `{spelled}`"))?;
    if !status.success() {
        bail!("`{spelled}` failed ({status})");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::packages;

    #[test]
    fn two_guests_with_the_same_packages_share_their_tools() {
        let lock = |name: &str, version: &str| {
            let lock = serde_json::json!({
                "name": name,
                "packages": {"": {"name": name}, "node_modules/jco": {"version": version}},
            });
            packages(lock.to_string().as_bytes()).expect("a lockfile")
        };
        assert_eq!(lock("one", "1"), lock("other", "1"));
        assert_ne!(lock("one", "1"), lock("one", "2"));
        assert!(packages(b"{}").is_err());
    }
}
