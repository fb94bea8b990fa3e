//! The frontmatter of a `SKILL.md` (the Agent Skills standard), read leniently.
//!
//! A skill is refused only without a usable name or description. Everything else a manifest may say is kept
//! as text: this host acts on the name, the description and where the component lies.

use crate::domain::SkillName;
use saphyr::{LoadableYamlNode as _, YamlOwned};

/// The longest description, characters (the standard's bound).
const DESCRIPTION_CHARS_MAX: usize = 1_024;

/// What a `SKILL.md` says that the host acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// `name`; the folder's where there is none.
    pub name: SkillName,
    /// `description`.
    pub description: String,
    /// `metadata.agentfactory.component`: a path within the folder.
    pub component: Option<String>,
}

/// A `SKILL.md` the host cannot use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// No `---` lines at its beginning.
    #[error(
        "SKILL.md has no frontmatter; begin it with a line `---`, then `name:` and `description:`, then `---`"
    )]
    NoFrontmatter,
    /// The frontmatter is not YAML.
    #[error("the frontmatter of SKILL.md is not YAML: {0}")]
    NotYaml(String),
    /// No description: the model would not know when to use the skill.
    #[error(
        "SKILL.md has no description; say in one or two sentences what the skill does and when to use it"
    )]
    NoDescription,
    /// Too long a description.
    #[error(
        "the description in SKILL.md has {0} characters; at most {DESCRIPTION_CHARS_MAX} are allowed"
    )]
    LongDescription(usize),
    /// Not a name of the standard, or not the folder's.
    #[error(
        "the name {name:?} in SKILL.md must be the folder's, {folder:?}: 1 to 64 characters of a-z, 0-9 and -"
    )]
    Name {
        /// What it says.
        name: String,
        /// What the folder says.
        folder: String,
    },
}

impl Manifest {
    /// Read the frontmatter of `text`, the `SKILL.md` in a folder called `folder`.
    ///
    /// # Errors
    /// What is missing or wrong, and what to write instead.
    pub fn parse(text: &str, folder: &str) -> Result<Self, ManifestError> {
        let yaml = frontmatter(text).ok_or(ManifestError::NoFrontmatter)?;
        let documents = YamlOwned::load_from_str(yaml)
            // A colon in an unquoted value is the most common mistake: quote the values and try once more.
            .or_else(|error| YamlOwned::load_from_str(&quote_values(yaml)).map_err(|_| error))
            .map_err(|error| ManifestError::NotYaml(error.to_string()))?;
        let top = documents.first();
        let text_of = |key: &str| {
            top.and_then(|yaml| yaml.as_mapping_get(key))
                .and_then(YamlOwned::as_str)
        };
        let name = text_of("name").unwrap_or(folder);
        let wrong_name = || ManifestError::Name {
            name: name.to_owned(),
            folder: folder.to_owned(),
        };
        if name != folder {
            return Err(wrong_name());
        }
        let name = name.parse().map_err(|_| wrong_name())?;
        let description = text_of("description")
            .map(str::trim)
            .filter(|text| !text.is_empty());
        let description = description.ok_or(ManifestError::NoDescription)?.to_owned();
        let long = description.chars().count();
        if long > DESCRIPTION_CHARS_MAX {
            return Err(ManifestError::LongDescription(long));
        }
        let metadata = top.and_then(|yaml| yaml.as_mapping_get("metadata"));
        let component = metadata
            .and_then(|yaml| yaml.as_mapping_get("agentfactory.component"))
            .and_then(YamlOwned::as_str)
            .map(str::to_owned);
        Ok(Self {
            name,
            description,
            component,
        })
    }
}

/// The text between the first line `---` and the next.
fn frontmatter(text: &str) -> Option<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let rest = text
        .strip_prefix("---\n")
        .or_else(|| text.strip_prefix("---\r\n"))?;
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == "---" {
            return rest.get(..end);
        }
        end += line.len();
    }
    None
}

/// Put the values of top-level lines in quotes where they hold `: `.
fn quote_values(yaml: &str) -> String {
    let quote = |line: &str| match line.split_once(": ") {
        Some((key, value)) if value.contains(": ") && !value.starts_with(['"', '\'', '{', '[']) => {
            format!("{key}: '{}'", value.replace('\'', "''"))
        }
        _ => line.to_owned(),
    };
    yaml.lines().map(quote).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(frontmatter: &str) -> Result<Manifest, ManifestError> {
        Manifest::parse(&format!("---\n{frontmatter}\n---\n# Body\n"), "notes")
    }

    #[test]
    fn a_manifest_gives_its_name_description_and_component() {
        let manifest = parse(
            "name: notes\ndescription: Keeps notes.\nmetadata:\n  agentfactory.component: \"scripts/notes.wasm\"",
        );
        let manifest = manifest.unwrap();
        assert_eq!(manifest.name.as_str(), "notes");
        assert_eq!(manifest.description, "Keeps notes.");
        assert_eq!(manifest.component.as_deref(), Some("scripts/notes.wasm"));
    }

    #[test]
    fn an_unquoted_colon_in_a_description_is_forgiven() {
        let manifest =
            parse("name: notes\ndescription: Use for: notes that don't get lost").unwrap();
        assert_eq!(manifest.description, "Use for: notes that don't get lost");
    }

    #[test]
    fn a_description_is_accepted_at_its_longest_and_refused_one_beyond() {
        assert!(parse(&format!("description: {}", "x".repeat(1_024))).is_ok());
        let error = parse(&format!("description: {}", "x".repeat(1_025))).unwrap_err();
        assert_eq!(error, ManifestError::LongDescription(1_025));
        assert_eq!(
            parse("name: notes").unwrap_err(),
            ManifestError::NoDescription
        );
    }

    #[test]
    fn a_name_other_than_the_folders_is_refused() {
        assert!(matches!(
            parse("name: todo\ndescription: x"),
            Err(ManifestError::Name { .. })
        ));
        assert_eq!(
            Manifest::parse("# Notes", "notes"),
            Err(ManifestError::NoFrontmatter)
        );
    }
}
