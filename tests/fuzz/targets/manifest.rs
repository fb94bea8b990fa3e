//! A skill's folder: `SKILL.md`, then a line `====`, then `config/capabilities.toml`.

use agent_factory::config::Config;
use agent_factory::workspace::{Bounds, Files, SkillFolder};
use bytes::Bytes;

/// What comes between the two files.
const BETWEEN: &[u8] = b"\n====\n";

/// Whatever is in them, the folder is understood or refused in words; what is understood keeps its bounds.
pub fn run(data: &[u8]) {
    let cut = data.windows(BETWEEN.len()).position(|part| part == BETWEEN);
    let (manifest, capabilities) = match cut {
        Some(at) => (&data[..at], Some(&data[at + BETWEEN.len()..])),
        None => (data, None),
    };
    let name = "notes".parse().expect("a name");
    let mut files = Files::new();
    let mut add = |path: &str, bytes: &[u8]| {
        files.insert(path.parse().expect("a path"), Bytes::copy_from_slice(bytes));
    };
    add("SKILL.md", manifest);
    add("scripts/notes.wasm", b"\0asm");
    if let Some(capabilities) = capabilities {
        add("config/capabilities.toml", capabilities);
    }
    match SkillFolder::of(&name, files, &Bounds::of(&Config::default())) {
        Ok(folder) => {
            assert_eq!(folder.manifest.name.as_str(), "notes");
            let characters = folder.manifest.description.chars().count();
            assert!((1..=1_024).contains(&characters), "{characters}");
            assert_eq!(folder.manifest_md.as_bytes(), manifest);
            if let Some(component) = &folder.component {
                assert!(folder.files.contains_key(component), "{component}");
            }
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty());
        }
    }
}
