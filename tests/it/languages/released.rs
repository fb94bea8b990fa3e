//! Guests in JavaScript and Python that were compiled against a released contract, and run for ever.
//! `tests/released/README.md` says how they were made.

use super::stage::Stage;
use agent_factory::engine::ComponentKind;
use agent_factory_tests::compiled::{Compiled, compiled};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

/// The kept components of a version, by their names.
fn kept(version: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("released");
    let path = folder.join(version).join("languages.tar.zst");
    let file =
        std::fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let plain = ruzstd::decoding::StreamingDecoder::new(file).expect("a zstd stream");
    let mut archive = tar::Archive::new(plain);
    let mut components = BTreeMap::new();
    for entry in archive.entries().expect("a tar archive") {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a path").display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("the whole entry");
        components.insert(name.trim_end_matches(".wasm").to_owned(), bytes);
    }
    components
}

async fn admitted(
    components: &BTreeMap<String, Vec<u8>>,
    kind: ComponentKind,
    name: &str,
) -> Compiled {
    compiled(kind, &components[name]).await
}

#[tokio::test]
async fn javascript_and_python_0_1_0() {
    let components = kept("0.1.0");
    let engine = admitted(&components, ComponentKind::Engine, "js-engine").await;
    for (skill, call, expected) in [
        (
            "js-skill",
            r#"/call js_skill__convert {"value":26.2,"from":"mile","to":"kilometre"}"#,
            "26.2 mile = 42.1648 kilometre",
        ),
        (
            "python-skill",
            r#"/call python_skill__measure {"text":"two words"}"#,
            "2 words, 1 sentences, 1 s to read",
        ),
    ] {
        let compiled = admitted(&components, ComponentKind::Skill, skill).await;
        let stage = Stage::of(&engine, skill, compiled).await;
        assert_eq!(stage.reply(call).await, expected, "{skill}");
    }
}
