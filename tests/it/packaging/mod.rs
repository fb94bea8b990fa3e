//! What is deployed is what is here: the image, the app on Fly, and what both need to run.

mod deploy;
mod fly;
mod image;

use std::path::{Path, PathBuf};

/// A file at the root of the repository.
fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(root(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
